# bash completion for weir
# SPDX-License-Identifier: Apache-2.0

_weir() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} flags
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W 'run replay diff promote check explain ddl connectors checkpoint version help' -- "$word")
        return
    fi
    case $before in
    --until) mapfile -t COMPREPLY < <(compgen -W 'end' -- "$word"); return ;;
    --embedded) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    --output)
        case ${COMP_WORDS[1]} in
        checkpoint) flags='table json' ;;
        explain) flags='json' ;;
        *) flags='table json csv' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
        return ;;
    --format) mapfile -t COMPREPLY < <(compgen -W 'text markdown' -- "$word"); return ;;
    --log) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    --for) mapfile -t COMPREPLY < <(compgen -W 'any mysql mariadb' -- "$word"); return ;;
    --param | --allow-reset | --allow-partial | --job | --lineage | --replay | --into | --from | --rate | --memory | --spool | --limit | --retain) return ;;
    esac
    if [[ ${COMP_WORDS[1]} == checkpoint ]] && ((COMP_CWORD == 2)); then
        mapfile -t COMPREPLY < <(compgen -W 'ls show diff verify pin unpin gc repair' -- "$word")
        return
    fi
    case ${COMP_WORDS[1]} in
    checkpoint)
        flags='--embedded --param --help'
        [[ ${COMP_WORDS[2]} == repair ]] || flags+=' --job --lineage --replay'
        case ${COMP_WORDS[2]} in
        ls) flags+=' --output --limit' ;;
        show | diff | verify) flags+=' --output' ;;
        gc) flags+=' --output --dry-run --retain' ;;
        repair) flags+=' --output --dry-run --until' ;;
        esac ;;
    run) flags='--until --leave-open --embedded --param --fresh --keep-output --allow-reset --allow-partial --take-over --output --log --log-level --help' ;;
    diff) flags='--into --lineage --output --limit --embedded --param --log --log-level --help' ;;
    replay) flags='--into --verify --spool --limit --from --until --rate --memory --lineage --leave-open --embedded --param --fresh --keep-output --take-over --output --log --log-level --help' ;;
    promote) flags='--into --undo --dry-run --embedded --param --log --log-level --help' ;;
    check) flags='--connect --embedded --param --log --log-level --help' ;;
    explain) flags='--against --allow-reset --allow-partial --job --lineage --output --embedded --param --help' ;;
    ddl) flags='--for --embedded --param --help' ;;
    connectors) flags='--format --metrics --help' ;;
    help) mapfile -t COMPREPLY < <(compgen -W 'run replay diff promote check explain ddl connectors checkpoint version' -- "$word"); return ;;
    *) return ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -X '!*.sql' -- "$word"; compgen -d -- "$word")
    fi
}
complete -o filenames -F _weir weir
