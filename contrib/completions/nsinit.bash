# bash completion for nsinit: commands and options, asked of nsinit itself. Source it, or copy it to
# /usr/share/bash-completion/completions/nsinit.
_nsinit()
{
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= i help
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --root | --log | --console) ((i++)) ;;
        -*) ;;
        *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    help=$(nsinit --help 2>/dev/null)
    case $previous in
    --root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    --log | --console | --resources | -r) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --pressure) mapfile -t COMPREPLY < <(compgen -W "memory:some:150ms/1s" -- "$word"); return ;;
    esac
    if [[ $word == -* ]]; then
        local options="--root --log --console --lenient --help --version"
        case $command in
        exec) options="--stats $options" ;;
        events) options="--pressure $options" ;;
        ps) options="--json $options" ;;
        kill) options="--all $options" ;;
        top) options="-n -d $options" ;;
        apparmor) options="--load $options" ;;
        update) options="--resources $(sed -n '/^Limits of update/{n;p}' <<<"$help") $options" ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    elif [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$help")" -- "$word")
    elif [[ $command == kill ]]; then
        mapfile -t COMPREPLY < <(compgen -A signal -- "$word")
    elif [[ $command == exec || $command == plan ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -F _nsinit nsinit
