# shellcheck shell=bash disable=SC2154
# lines and branches that the tests reach, by room; real servers are started for the contract tests
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps stack

# At least so many of a room's branches are taken, in percent. A floor only goes up. At 100: the protocol (records, log,
# takeover, commit, recovery, repair, changed SQL, publishing), and what an error of S3, MySQL or Kafka means.
floors=(checkpoint=100 store=98 sink/mysql=100 http=100 client=75 client/http=100 client/mysql=100)
for file in _amend _change _commit _history _load _manifest _origin _patience _recover _repair \
    _replay _restore _settle _slices _tool; do
    floors+=("engine/engine$file.c=100")
done
for file in _commit _payload _repair _row; do
    floors+=("sink/keyed/keyed$file.c=100")
done
floors+=(sink/s3/s3_payload.c=100 sink/s3/s3_publish.c=100)
floors+=(store/dir/dir_put.c=100 store/s3/s3_answer.c=100 client/kafka/kafka_error.c=100)
rooms=(base batch kernel sql codec source state op engine sink "${floors[@]%=*}")

# The contract tests of s3, mysql and kafka need servers: without them they would count as not tested.
with_servers() {
    local data
    data=$(mktemp -d /tmp/weir-cover.XXXXXX)
    if compose/local/up --data "$data/stack" >"$logs/cover.up.log" 2>&1; then
        (
            # shellcheck source=/dev/null
            . "$data/stack/stack.env"
            export WEIR_TEST_S3_ENDPOINT=$S3_ENDPOINT WEIR_TEST_S3_BUCKET=$S3_BUCKET
            export WEIR_TEST_S3_ACCESS_KEY=$AWS_ACCESS_KEY_ID WEIR_TEST_S3_SECRET_KEY=$AWS_SECRET_ACCESS_KEY
            export WEIR_TEST_S3_REGION=$AWS_REGION WEIR_TEST_KAFKA=$KAFKA_BROKERS
            export WEIR_TEST_MARIADB_URL=$MARIADB_URL WEIR_TEST_MYSQL8_URL=$MYSQL8_URL
            export WEIR_TEST_MARIADB_ADMIN_URL=$MARIADB_ADMIN_URL WEIR_TEST_MYSQL8_ADMIN_URL=$MYSQL8_ADMIN_URL
            "$@"
        )
    else
        bad cover.servers_come_up "$logs/cover.up.log"
    fi
    compose/local/down --data "$data/stack" >>"$logs/cover.up.log" 2>&1
    rm -rf -- "$data"
}

build cover
with_servers c_tests cover '^(unit|contract|server|sim|fuzz)\.'
folder_tests sql cover
# A process that is killed leaves no counts, so the tests of embedded/ that kill add nothing.
for test in job refuse bad_record; do folder_tests embedded cover "$test"; done
tests/cover/branches build/cover "${floors[@]/#/--floor=}" "${rooms[@]}" 2>&1
