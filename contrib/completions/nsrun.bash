# bash completion for nsrun: commands, options (asked of nsrun itself) and ids. Source it, or copy it to
# /usr/share/bash-completion/completions/nsrun.
_nsrun()
{
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= root=() i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --root) root=(--root "${COMP_WORDS[++i]}") ;;
        --log | --log-format | --criu | --rootless) ((i++)) ;;
        -*) ;;
        *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case $previous in
    --bundle | -b | --root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    --log | --pid-file | --console-socket | --pidfd-socket | --process | -p | --resources | -r)
        mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$word"); return ;;
    --format | -f)
        if [[ $command != delete ]]; then
            mapfile -t COMPREPLY < <(compgen -W "table json" -- "$word"); return
        fi ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(nsrun ${command:+"$command"} --help 2>/dev/null |
            sed -n 's/^   \(--[a-z0-9-]*\).*/\1/p')" -- "$word")
    elif [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(nsrun --help 2>/dev/null |
            sed -n '/^COMMANDS/,/^GLOBAL/s/^   \([a-z]*\)[ ,].*/\1/p')" -- "$word")
    elif [[ $command != create && $command != run && $command != spec && $command != features ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(nsrun "${root[@]}" list -q 2>/dev/null)" -- "$word")
    fi
}
complete -F _nsrun nsrun
