# shellcheck shell=bash
# stack.sh: one stack's folder, settings and services. Sourced, not run.
# A service NAME is the functions NAME_install, NAME_init, NAME_start, NAME_ready and NAME_env.
# SPDX-License-Identifier: Apache-2.0

all_services=(kafka s3 mariadb mysql)
state_home=${XDG_STATE_HOME:-$HOME/.local/state}/weir

# stack_locate NAME DIR: sets data to an absolute path; DIR may be empty.
stack_locate() {
    [[ $1 =~ ^[a-z0-9][a-z0-9_-]*$ ]] || die "a name is made of a-z, 0-9, _ and -, not '$1'"
    data=${2:-$state_home/$1}
    data=$(realpath -m -- "$data")
    [[ $data != / ]] || die "--data must be a folder of its own"
}

# stack_options WORD...: takes --name and --data out; the other words are left in rest.
stack_options() {
    local name=local folder=
    rest=()
    while (($#)); do
        case $1 in
        --name) name=${2:?--name NAME}; shift 2 ;;
        --data) folder=${2:?--data DIR}; shift 2 ;;
        -h | --help) print_help "$0"; exit 0 ;;
        *) rest+=("$1"); shift ;;
        esac
    done
    stack_locate "$name" "$folder"
    stack_name=$name
}

# stack_lock: one command at a time in a folder. The lock is on the folder itself.
stack_lock() {
    while :; do
        [[ -d $data ]] || die "there is no stack in $data"
        exec 8<"$data"
        flock -n 8 || {
            say "waiting for another command on $data"
            flock 8
        }
        [[ $(stat -Lc %i "/proc/$$/fd/8") == "$(stat -c %i "$data" 2>/dev/null)" ]] && return
    done
}

stack_exists() { [[ -f $data/stack.conf ]]; }

stack_load() {
    stack_exists || die "there is no stack in $data"
    # shellcheck source=/dev/null
    . "$data/stack.conf"
    # shellcheck disable=SC2034
    kafka_version=$stack_kafka_version
}

stack_save() {
    local word
    for word in stack_name stack_services stack_base_port stack_kafka_version stack_s3 stack_tls \
        stack_events stack_password stack_admin_password; do
        printf '%s=%q\n' "$word" "${!word}"
    done >"$data/stack.conf.part"
    chmod 600 "$data/stack.conf.part"
    mv "$data/stack.conf.part" "$data/stack.conf"
}

stack_has() { [[ " $stack_services " == *" $1 "* ]]; }

# service_up NAME: runs it if it does not run yet, and waits until it answers.
service_up() {
    local since=$SECONDS most_s=${WEIR_START_SECONDS:-600}
    if process_pid "$1" >/dev/null; then
        process_await "$1" "$most_s" "$1_ready"
        return
    fi
    service_init "$1"
    "$1_start"
    process_await "$1" "$most_s" "$1_ready" || {
        process_stop "$1" 5
        return 1
    }
    if declare -F "$1_settle" >/dev/null; then "$1_settle"; fi
    say "$1 is up on port $(port_of "$1") after $((SECONDS - since)) s"
}

# service_init NAME: makes the data once. Without the stamp it was broken off, and is made anew.
service_init() {
    [[ -e $data/$1/.initialised ]] && return
    rm -rf -- "${data:?}/$1"
    mkdir -p "$data/$1" "$data/logs"
    "$1_init" >>"$(log_file "$1")" 2>&1 || {
        tail -n 12 "$(log_file "$1")" >&2
        die "could not make the data of $1; see $(log_file "$1")"
    }
    : >"$data/$1/.initialised"
}

service_down() { process_stop "$1" 30; }

# stack_write_env: what a job or a test sources.
stack_write_env() {
    local service word
    {
        echo "# The local stack '$stack_name'. Source it; it holds passwords."
        stack_export WEIR_STACK_DIR "$data"
        for service in "${all_services[@]}"; do
            stack_has "$service" || continue
            "${service}_env"
            word=${service^^}
            [[ $service != mysql ]] || word=MYSQL8
            stack_export "${word}_PID_FILE" "$(pid_file "$service")"
            stack_export "${word}_LOG" "$(log_file "$service")"
        done
        [[ $stack_tls == no ]] || tls_env
    } >"$data/stack.env.part"
    chmod 600 "$data/stack.env.part"
    mv "$data/stack.env.part" "$data/stack.env"
}

stack_export() { printf 'export %s=%q\n' "$1" "$2"; }
