# shellcheck shell=bash disable=SC2154
# the other compiler: clang builds everything, optimised, without a warning; gcc's twins are in `fast`
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka
build clang
c_tests clang '^(unit|contract)\.'
