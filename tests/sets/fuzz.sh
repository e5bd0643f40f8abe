# shellcheck shell=bash disable=SC2154
# each fuzzer for WEIR_SECONDS (60); what it finds stays in build/log/fuzz
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka
mkdir -p "$logs/fuzz"

fuzz_one() {
    local program=$1 name corpus found
    name=$(basename "$program") name=${name#fuzz.}
    corpus=$root/tests/fuzz/corpus/$name
    found=$logs/fuzz/$name
    mkdir -p "$found"
    set -- "$found"
    [[ -d $corpus ]] && set -- "$found" "$corpus"
    if "$program" -max_total_time="${WEIR_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="$found." "$@" >"$logs/fuzz.$name.log" 2>&1; then
        good "fuzz.$name"
    else
        bad "fuzz.$name" "$logs/fuzz.$name.log"
    fi
}

if build fuzz; then
    fuzzers=0
    for fuzzer in build/fuzz/tests/fuzz.*; do
        [[ -x $fuzzer ]] || continue
        fuzzers=$((fuzzers + 1))
        fuzz_one "$root/$fuzzer"
    done
    if ((fuzzers == 0)); then bad fuzz.there_are_fuzzers; fi
fi
