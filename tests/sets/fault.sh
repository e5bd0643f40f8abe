# shellcheck shell=bash disable=SC2154
# every action at every failpoint, random triples, mutants; against the run that nothing disturbed
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps
targets="weir weir-load unit.store.s3_auth unit.store.dir_sync unit.checkpoint.checkpoint_takeover unit.checkpoint.checkpoint_collect contract.sink_repair" build fault
folder_tests fault fault
