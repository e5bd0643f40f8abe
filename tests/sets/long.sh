# shellcheck shell=bash disable=SC2154
# hours: each fuzzer, and the tests in tests/long
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps stack
run_set fuzz
WEIR_MODEL=large WEIR_TIMEOUT=14400 run_set model
build release
targets="weir weir-load" build fault
WEIR_TIMEOUT=${WEIR_TIMEOUT:-14400} folder_tests long release
