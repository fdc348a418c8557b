# bash completion for ferry

_ferry() {
	local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= word i
	COMPREPLY=()
	# --option=value comes as three words
	if [[ $cur == "=" ]]; then
		cur=
	elif [[ $previous == "=" ]]; then
		previous=${COMP_WORDS[COMP_CWORD-2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case "$command/$word" in
			'/sail') command='/sail' ;;
			'/port') command='/port' ;;
			'/port/open') command='/port/open' ;;
			'/port/close') command='/port/close' ;;
		esac
	done
	case "$command $previous" in
		'/sail --to') COMPREPLY=($(compgen -W 'B C' -- "$cur")); return ;;
		'/sail --log') COMPREPLY=($(compgen -f -- "$cur")); return ;;
		'/sail --cars') :; return ;;
	esac
	case $command in
		'') COMPREPLY=($(compgen -W 'sail port --help' -- "$cur")) ;;
		'/sail') COMPREPLY=($(compgen -f -W '--to -v --verbose --log --cars --lights --no-lights --horn --help' -- "$cur")) ;;
		'/port') COMPREPLY=($(compgen -W 'open close --help' -- "$cur")) ;;
		'/port/open') COMPREPLY=($(compgen -W '--deep-water --help' -- "$cur")) ;;
		'/port/close') COMPREPLY=($(compgen -W '--help' -- "$cur")) ;;
	esac
}

complete -o bashdefault -F _ferry ferry
