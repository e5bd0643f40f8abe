# shellcheck shell=bash disable=SC2154
# the program against a real broker, bucket and database, with kills
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps stack
build release
targets="weir weir-load" build fault # some kills are aimed
cmake --build --preset release --target weir-load >"$logs/build.weir-load.log" 2>&1 ||
    bad build.weir-load "$logs/build.weir-load.log"

# One stack for all of them, but for the test that needs TLS.
WEIR_STACK=$(mktemp -d) WEIR_FAULT=$root/build/fault/weir
export WEIR_STACK WEIR_FAULT
folder_tests e2e release
compose/local/down --data "$WEIR_STACK" >"$logs/e2e.down.log" 2>&1 || bad e2e.down "$logs/e2e.down.log"
rm -rf -- "$WEIR_STACK"
unset WEIR_STACK WEIR_FAULT
