# shellcheck shell=bash disable=SC2154
# every action at every failpoint, random triples, mutants; against the run that nothing disturbed
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps
targets="weir weir-load unit.store.dir_sync unit.checkpoint.checkpoint_takeover" build fault
folder_tests fault fault
