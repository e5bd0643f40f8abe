# shellcheck shell=bash disable=SC2154
# whole workers on virtual time: 20,000 seeds, those that failed once, mutants of the protocol
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka
if build sim; then
    program sim.twice build/sim/tests/sim --twice 1 100
    program sim.kept build/sim/tests/sim --kept tests/sim/kept.txt
    program sim.mutants build/sim/tests/sim --mutants 20000
    program sim.seeds build/sim/tests/sim --seeds "${WEIR_SEED:-1}" "${WEIR_SEEDS:-20000}" --jobs "$jobs"
fi
