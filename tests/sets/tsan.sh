# shellcheck shell=bash disable=SC2154
# unit, contract, SQL and embedded tests under ThreadSanitizer; fewer events
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps
export TSAN_OPTIONS=suppressions=$root/tests/support/tsan.supp
export WEIR_THIN=6
build tsan
c_tests tsan '^(unit|contract)\.'
folder_tests sql tsan
folder_tests embedded tsan
unset WEIR_THIN
