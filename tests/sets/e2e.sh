# shellcheck shell=bash disable=SC2154
# the program against a real broker, bucket and database, with kills
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps stack
build release
folder_tests e2e release
