# shellcheck shell=bash disable=SC2154
# gcc and clang build everything, optimised, without a warning
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka
build gcc
build clang
c_tests clang '^(unit|contract)\.'
