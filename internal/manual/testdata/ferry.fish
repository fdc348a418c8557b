# fish completion for ferry

complete -c ferry -f
complete -c ferry -n '__fish_use_subcommand' -a sail -d 'Sail from A to B (or C)'
complete -c ferry -n '__fish_use_subcommand' -a port -d 'What belongs to ports'
complete -c ferry -n '__fish_seen_subcommand_from sail' -F
complete -c ferry -n '__fish_seen_subcommand_from sail' -l to -x -a 'B C' -d 'Where to [one of two]: B'
complete -c ferry -n '__fish_seen_subcommand_from sail' -l verbose -s v -d 'Don\'t be silent'
complete -c ferry -n '__fish_seen_subcommand_from sail' -l log -r -F -d 'File for what happens'
complete -c ferry -n '__fish_seen_subcommand_from sail' -l cars -x -d 'How many cars'
complete -c ferry -n '__fish_seen_subcommand_from sail' -l lights -d 'Lights are on'
complete -c ferry -n '__fish_seen_subcommand_from sail' -l no-lights -d 'not: Lights are on'
complete -c ferry -n '__fish_seen_subcommand_from sail' -l horn -d 'Blow it'
complete -c ferry -n '__fish_seen_subcommand_from port; and not __fish_seen_subcommand_from open close' -a open -d 'Open one'
complete -c ferry -n '__fish_seen_subcommand_from port; and not __fish_seen_subcommand_from open close' -a close -d 'Close one'
complete -c ferry -n '__fish_seen_subcommand_from port; and __fish_seen_subcommand_from open' -l deep-water -d 'For large ships'
