# shellcheck shell=bash
# tap.sh: runs named steps and prints ok or not ok for each. Sourced by the tests beside it.
# SPDX-License-Identifier: Apache-2.0

passed=0 failed=0

# check NAME COMMAND...: one line per test; what the command printed is shown when it fails.
check() {
    local name=$1 output code
    shift
    set +e # in a condition the command would go on after a step that fails
    output=$(set -e; "$@" 2>&1)
    code=$?
    set -e
    if ((code == 0)); then
        passed=$((passed + 1))
        printf 'ok %s\n' "$name"
    else
        failed=$((failed + 1))
        printf 'not ok %s\n' "$name"
        printf '%s\n' "$output" | tail -n 25 | sed 's/^/    /'
    fi
}

finish() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0 && passed > 0))
}

# within SECONDS COMMAND...: polls until it works.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}
