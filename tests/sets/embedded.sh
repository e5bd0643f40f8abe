# shellcheck shell=bash disable=SC2154
# the whole program on folders and SQLite, no server, under ASan and UBSan
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps
build dev
folder_tests embedded dev
