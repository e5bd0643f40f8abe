# shellcheck shell=bash disable=SC2154
# the local servers and the compose file themselves
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps stack containers
build release
folder_tests stack release
