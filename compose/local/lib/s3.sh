# shellcheck shell=bash
# s3.sh: an S3 server, versitygw or MinIO, with its buckets. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0

s3_key=weir
s3_region=us-east-1
s3_buckets=(lake landing)

s3_installed() {
    have curl || return 1
    if [[ $stack_s3 == minio ]]; then
        cache_has minio "$minio_version" bin/minio
    else
        cache_has versitygw "$versitygw_version" bin/versitygw
    fi
}

s3_endpoint() { printf 'http://127.0.0.1:%s\n' "$(port_of s3)"; }

s3_init() { mkdir -p "$data/s3/data" "$data/s3/events"; }

s3_start() { "s3_start_$stack_s3"; }

# Buckets answer as 127.0.0.1:PORT/BUCKET and as BUCKET.localhost:PORT.
s3_start_versitygw() {
    local events=()
    [[ -z $stack_events ]] || events=(--eku "127.0.0.1:$(port_of kafka)" --ekt "$stack_events")
    process_start s3 env ROOT_ACCESS_KEY_ID="$s3_key" ROOT_SECRET_ACCESS_KEY="$stack_password" \
        "$(cache_path versitygw "$versitygw_version")/bin/versitygw" -p "127.0.0.1:$(port_of s3)" \
        --region "$s3_region" -q --keep-alive --vd localhost "${events[@]}" posix "$data/s3/data"
}

s3_start_minio() {
    local events=()
    [[ -z $stack_events ]] || events=(MINIO_NOTIFY_KAFKA_ENABLE_WEIR=on
        MINIO_NOTIFY_KAFKA_BROKERS_WEIR="127.0.0.1:$(port_of kafka)"
        MINIO_NOTIFY_KAFKA_TOPIC_WEIR="$stack_events" MINIO_NOTIFY_KAFKA_QUEUE_DIR_WEIR="$data/s3/events")
    process_start s3 env MINIO_ROOT_USER="$s3_key" MINIO_ROOT_PASSWORD="$stack_password" \
        MINIO_DOMAIN=localhost MINIO_UPDATE=off MINIO_REGION="$s3_region" "${events[@]}" \
        "$(cache_path minio "$minio_version")/bin/minio" server --quiet \
        --address "127.0.0.1:$(port_of s3)" --console-address "127.0.0.1:$(port_of s3_console)" "$data/s3/data"
}

# s3_ready: a signed request is answered.
s3_ready() { [[ $(s3_request GET /) == 200 ]]; }

# s3_request METHOD PATH [BODY]: prints the status code. The secret does not show in ps.
s3_request() {
    local body=${3:-} hash
    hash=$(printf '%s' "$body" | sha256sum | cut -d' ' -f1)
    printf 'user = "%s:%s"\n' "$s3_key" "$stack_password" |
        curl -sS -K - -o /dev/null -w '%{http_code}' --max-time 60 -X "$1" \
            --aws-sigv4 "aws:amz:$s3_region:s3" -H "x-amz-content-sha256: $hash" \
            ${body:+--data-binary "$body"} "$(s3_endpoint)$2"
}

s3_settle() {
    local bucket code
    for bucket in "${s3_buckets[@]}"; do
        code=$(s3_request PUT "/$bucket")
        [[ $code == 200 || $code == 409 ]] || die "could not make the bucket '$bucket': S3 answered $code"
    done
    if [[ -n $stack_events && $stack_s3 == minio ]]; then s3_notify_minio; fi
}

s3_notify_minio() {
    local bucket code rules
    rules='<NotificationConfiguration><QueueConfiguration><Id>weir</Id><Queue>arn:minio:sqs:'$s3_region
    rules+=':WEIR:kafka</Queue><Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event>'
    rules+='</QueueConfiguration></NotificationConfiguration>'
    for bucket in "${s3_buckets[@]}"; do
        code=$(s3_request PUT "/$bucket?notification=" "$rules")
        [[ $code == 200 ]] || die "could not set notifications of '$bucket': S3 answered $code"
    done
}

s3_env() {
    stack_export S3_ENDPOINT "$(s3_endpoint)"
    stack_export AWS_ENDPOINT_URL_S3 "$(s3_endpoint)"
    stack_export AWS_ACCESS_KEY_ID "$s3_key"
    stack_export AWS_SECRET_ACCESS_KEY "$stack_password"
    stack_export AWS_REGION "$s3_region"
    stack_export AWS_DEFAULT_REGION "$s3_region"
    stack_export AWS_EC2_METADATA_DISABLED true
    stack_export S3_SERVER "$stack_s3"
    stack_export S3_BUCKET "${s3_buckets[0]}"
    if [[ -n $stack_events ]]; then stack_export S3_EVENTS_TOPIC "$stack_events"; fi
}
