# shellcheck shell=bash disable=SC2154
# every action at every failpoint; start again, compare with the run that nothing disturbed
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps
targets="weir weir-load" build fault
folder_tests fault fault
