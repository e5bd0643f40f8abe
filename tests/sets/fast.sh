# shellcheck shell=bash disable=SC2154
# unit, contract, sim, fuzz corpora, SQL, the oracle and tidy under ASan and UBSan
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps
build dev
c_tests dev '^(unit|contract|sim|fuzz|tidy)'
folder_tests sql dev
folder_tests oracle dev
