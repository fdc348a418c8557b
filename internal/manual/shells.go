package manual

import (
	"fmt"
	"io"
	"strings"
)

// All three completions know the words that can follow at each place and no more;
// what a value may be is left to the program, unless it is a file or one of a few.

// WriteBash writes a completion for bash, which needs nothing but bash.
func (p Program) WriteBash(w io.Writer) error {
	var b strings.Builder
	function := "_" + identifier(p.Name)
	fmt.Fprintf(&b, "# bash completion for %s\n\n%s() {\n", p.Name, function)
	b.WriteString(`	local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= word i
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
`)
	walk(p.Commands, nil, func(path []string, _ Command) {
		fmt.Fprintf(&b, "\t\t\t%s) command=%s ;;\n", quote("/"+strings.Join(path, "/")), quote("/"+strings.Join(path, "/")))
	})
	b.WriteString("\t\tesac\n\tdone\n\tcase \"$command $previous\" in\n")
	walk(p.Commands, nil, func(path []string, c Command) {
		for _, o := range c.Options {
			if !o.takesValue() {
				continue
			}
			for _, f := range o.flags() {
				fmt.Fprintf(&b, "\t\t%s) %s; return ;;\n", quote("/"+strings.Join(path, "/")+" "+f), o.bashValue())
			}
		}
	})
	b.WriteString("\tesac\n\tcase $command in\n")
	fmt.Fprintf(&b, "\t\t'') COMPREPLY=($(compgen -W %s -- \"$cur\")) ;;\n", quote(strings.Join(append(names(p.Commands), "--help"), " ")))
	walk(p.Commands, nil, func(path []string, c Command) {
		files := ""
		if len(c.Arguments) > 0 {
			files = "-f "
		}
		words := strings.Join(append(names(c.Commands), c.typed()...), " ")
		fmt.Fprintf(&b, "\t\t%s) COMPREPLY=($(compgen %s-W %s -- \"$cur\")) ;;\n", quote("/"+strings.Join(path, "/")), files, quote(words))
	})
	fmt.Fprintf(&b, "\tesac\n}\n\ncomplete -o bashdefault -F %s %s\n", function, p.Name)
	_, err := io.WriteString(w, b.String())
	return err
}

// bashValue completes the option's value.
func (o Option) bashValue() string {
	switch {
	case len(o.Values) > 0:
		return fmt.Sprintf("COMPREPLY=($(compgen -W %s -- \"$cur\"))", quote(strings.Join(o.Values, " ")))
	case o.File:
		return `COMPREPLY=($(compgen -f -- "$cur"))`
	default:
		return ":"
	}
}

// WriteZsh writes a completion for zsh.
func (p Program) WriteZsh(w io.Writer) error {
	var b strings.Builder
	root := "_" + identifier(p.Name)
	fmt.Fprintf(&b, "#compdef %s\n\n%s() {\n", p.Name, root)
	zshCommands(&b, root, p.Commands)
	walk(p.Commands, nil, func(path []string, c Command) {
		function := root + "_" + identifier(strings.Join(path, "_"))
		fmt.Fprintf(&b, "%s() {\n", function)
		if len(c.Commands) > 0 {
			zshCommands(&b, function, c.Commands)
			return
		}
		b.WriteString("\t_arguments -s \\\n")
		for _, o := range c.Options {
			for _, f := range o.flags() {
				spec := f
				if o.takesValue() && strings.HasPrefix(f, "--") {
					spec += "="
				}
				spec += "[" + zshText(summary(o.Help)) + "]"
				if o.takesValue() {
					spec += ":" + zshText(o.Placeholder) + ":" + o.zshAction()
				}
				fmt.Fprintf(&b, "\t\t%s \\\n", quote(spec))
			}
		}
		b.WriteString("\t\t'(-h --help)'{-h,--help}'[show help]'")
		for _, a := range c.Arguments {
			spec := ":"
			if a.Repeated {
				spec = "*:"
			}
			spec += zshText(a.Name) + ":"
			if a.File {
				spec += "_files"
			}
			fmt.Fprintf(&b, " \\\n\t\t%s", quote(spec))
		}
		b.WriteString("\n}\n\n")
	})
	fmt.Fprintf(&b, "if [ \"$funcstack[1]\" = %s ]; then\n\t%s \"$@\"\nelse\n\tcompdef %s %s\nfi\n", root, root, root, p.Name)
	_, err := io.WriteString(w, b.String())
	return err
}

// zshCommands is the rest of a function that offers subcommands and calls theirs.
func zshCommands(b *strings.Builder, function string, commands []Command) {
	b.WriteString("\tlocal state line\n\tlocal -a commands\n\t_arguments -C '(-h --help)'{-h,--help}'[show help]' '1:command:->command' '*::argument:->argument'\n")
	b.WriteString("\tcase $state in\n\tcommand)\n\t\tcommands=(\n")
	for _, c := range commands {
		fmt.Fprintf(b, "\t\t\t%s\n", quote(c.Name+":"+zshText(summary(c.Summary))))
	}
	b.WriteString("\t\t)\n\t\t_describe command commands ;;\n\targument)\n\t\tcase $line[1] in\n")
	for _, c := range commands {
		fmt.Fprintf(b, "\t\t%s) %s_%s ;;\n", c.Name, function, identifier(c.Name))
	}
	b.WriteString("\t\tesac ;;\n\tesac\n}\n\n")
}

// zshAction completes the option's value.
func (o Option) zshAction() string {
	switch {
	case len(o.Values) > 0:
		return "(" + strings.Join(o.Values, " ") + ")"
	case o.File:
		return "_files"
	default:
		return " "
	}
}

// zshText keeps what _arguments and _describe would take for syntax.
func zshText(s string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, "[", `\[`, "]", `\]`, "\n", " ").Replace(s)
}

// WriteFish writes a completion for fish.
func (p Program) WriteFish(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for %s\n\ncomplete -c %s -f\n", p.Name, p.Name)
	below := func(condition string, commands []Command) {
		for _, c := range commands {
			fmt.Fprintf(&b, "complete -c %s -n %s -a %s -d %s\n", p.Name, fishQuote(condition), c.Name, fishQuote(summary(c.Summary)))
		}
	}
	below("__fish_use_subcommand", p.Commands)
	walk(p.Commands, nil, func(path []string, c Command) {
		condition := "__fish_seen_subcommand_from " + strings.Join(path, "; and __fish_seen_subcommand_from ")
		if len(c.Commands) > 0 {
			below(condition+"; and not __fish_seen_subcommand_from "+strings.Join(names(c.Commands), " "), c.Commands)
			return
		}
		for _, a := range c.Arguments {
			if a.File {
				fmt.Fprintf(&b, "complete -c %s -n %s -F\n", p.Name, fishQuote(condition))
			}
		}
		for _, o := range c.Options {
			fmt.Fprintf(&b, "complete -c %s -n %s -l %s", p.Name, fishQuote(condition), o.Name)
			if o.Short != "" {
				fmt.Fprintf(&b, " -s %s", o.Short)
			}
			switch {
			case len(o.Values) > 0:
				fmt.Fprintf(&b, " -x -a %s", fishQuote(strings.Join(o.Values, " ")))
			case o.File:
				b.WriteString(" -r -F")
			case o.takesValue():
				b.WriteString(" -x")
			}
			fmt.Fprintf(&b, " -d %s\n", fishQuote(summary(o.Help)))
			if o.Negatable {
				fmt.Fprintf(&b, "complete -c %s -n %s -l no-%s -d %s\n", p.Name, fishQuote(condition), o.Name, fishQuote("not: "+summary(o.Help)))
			}
		}
	})
	_, err := io.WriteString(w, b.String())
	return err
}

// typed returns all that can be typed with a dash.
func (c Command) typed() []string {
	var all []string
	for _, o := range c.Options {
		all = append(all, o.flags()...)
	}
	return append(all, "--help")
}

func names(commands []Command) []string {
	var all []string
	for _, c := range commands {
		all = append(all, c.Name)
	}
	return all
}

// identifier is a name that all shells take for a function's.
func identifier(s string) string { return strings.ReplaceAll(s, "-", "_") }

// quote is for POSIX shells and zsh.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// fishQuote is for fish, where a backslash escapes within quotes too.
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
