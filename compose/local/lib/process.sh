# shellcheck shell=bash
# process.sh: one background server by name, known by its pid and the time it began. Sourced, not run.
# The start time tells our server from a stranger that was given the same pid later.
# SPDX-License-Identifier: Apache-2.0

pid_file() { printf '%s/run/%s.pid\n' "$data" "$1"; }
log_file() { printf '%s/logs/%s.log\n' "$data" "$1"; }

# process_stat PID: prints state and start time.
process_stat() { sed -n 's/.*) //p' "/proc/$1/stat" 2>/dev/null | awk '{ print $1, $20 }'; }

# process_pid NAME: prints the pid while that server runs, paused or not.
process_pid() {
    local pid began state since
    read -r pid began <"$(pid_file "$1")" || return 1
    read -r state since <<<"$(process_stat "$pid")"
    [[ -n $state && $state != Z && $since == "$began" ]] && printf '%s\n' "$pid"
} 2>/dev/null

process_paused() {
    local pid
    pid=$(process_pid "$1") && [[ $(process_stat "$pid") == T* ]]
}

process_gone() { ! process_pid "$1" >/dev/null; }

# process_start NAME COMMAND...: the child writes its own pid before it becomes the server.
process_start() {
    local name=$1
    shift
    mkdir -p "$data/run" "$data/logs"
    rm -f "$(pid_file "$name")"
    # shellcheck disable=SC2016
    setsid bash -c '
        began=$(sed "s/.*) //" "/proc/$$/stat" | cut -d" " -f20)
        printf "%s %s\n" "$$" "$began" >"$1.part" && mv "$1.part" "$1"
        shift && exec "$@"' server "$(pid_file "$name")" "$@" \
        </dev/null >>"$(log_file "$name")" 2>&1 8>&- 9>&- &
    disown
    wait_until 120 test -s "$(pid_file "$name")" || die "$name did not start; see $(log_file "$name")"
}

# process_await NAME SECONDS CHECK: until CHECK works; gives up at once when the server is gone.
process_await() {
    local name=$1 deadline=$((SECONDS + $2)) check=$3
    until "$check" >/dev/null 2>&1; do
        if process_gone "$name"; then
            say "$name stopped by itself; the end of $(log_file "$name"):"
            tail -n 12 "$(log_file "$name")" >&2
            return 1
        fi
        if ((SECONDS >= deadline)); then
            say "$name did not answer within $2 seconds; the end of $(log_file "$name"):"
            tail -n 12 "$(log_file "$name")" >&2
            return 1
        fi
        sleep 0.1
    done
}

# process_signal NAME SIGNAL
process_signal() {
    local pid
    pid=$(process_pid "$1") || return 1
    kill -s "$2" "$pid" 2>/dev/null
}

# process_stop NAME SECONDS: asks, and after that time insists.
process_stop() {
    process_signal "$1" CONT || true
    process_signal "$1" TERM || true
    wait_until "$2" process_gone "$1" || process_kill "$1"
    rm -f "$(pid_file "$1")"
}

process_kill() {
    process_signal "$1" KILL || true
    wait_until 120 process_gone "$1" || die "$1 cannot be killed"
    rm -f "$(pid_file "$1")"
}
