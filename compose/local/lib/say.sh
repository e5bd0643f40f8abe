# shellcheck shell=bash
# say.sh: words to the user, errors, and waiting with a deadline. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0

say() { printf '%s\n' "$*" >&2; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# wait_until SECONDS COMMAND...: try every tenth of a second until it works or the time is over.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# print_help FILE: the comment block at the head of a script is its help.
print_help() { awk 'NR > 1 && !/^#/ { exit } NR > 1 && !/SPDX/ { sub(/^# ?/, ""); print }' "$1"; }
