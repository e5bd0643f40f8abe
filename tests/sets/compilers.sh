# shellcheck shell=bash disable=SC2154
# clang builds everything, optimised, without a warning; gcc does so in `fast` (twins) and `sim`
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka
build clang
c_tests clang '^(unit|contract)\.'
