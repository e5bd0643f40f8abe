# shellcheck shell=bash disable=SC2154
# every failpoint: die there, start again, compare with the run that did not
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps
build fault
folder_tests fault fault
