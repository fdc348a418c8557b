// Package manual writes what belongs to a command line besides its --help: the man
// page, the completions of three shells, and a commented file of environment
// variables. All of it comes from one description of the program, so that no text of
// an option stands anywhere twice.
package manual

import (
	"slices"
	"strings"
)

// Program is a command line as its users see it; what is hidden is left out of it.
type Program struct {
	// Name is the program's name, Summary one sentence about it.
	Name, Summary string
	// Release is the version that the page names, Date its day as YYYY-MM-DD; both
	// may be empty.
	Release, Date string
	// Commands are the subcommands in the order of the help.
	Commands []Command
	// ExitCodes say what the program's exit codes mean.
	ExitCodes []ExitCode
}

// Command is a subcommand.
type Command struct {
	// Name is one word, without the commands above it.
	Name string
	// Summary is one sentence; Detail may have several paragraphs, in which lines
	// that begin with a space are examples.
	Summary, Detail string
	Arguments       []Argument
	Options         []Option
	Commands        []Command
}

// Argument is a positional argument.
type Argument struct {
	Name, Help string
	Optional   bool
	// Repeated arguments take several words.
	Repeated bool
	// File is set where the argument names a file.
	File bool
}

// Option is a flag.
type Option struct {
	// Name is the long name without its dashes; Short is one letter or empty.
	Name, Short string
	Help        string
	// Placeholder is shown in place of a value; empty for a switch.
	Placeholder string
	// Default is the value that holds where none is given; empty for none.
	Default string
	// Env is the environment variable that sets the option; empty for none.
	Env string
	// Values are all values that it takes, where they are few; empty for others.
	Values []string
	// Negatable switches have a twin, --no-NAME.
	Negatable bool
	// File is set where the value names a file.
	File bool
}

// ExitCode is what an exit code means.
type ExitCode struct {
	Code    int
	Meaning string
}

// Command returns the subcommand of a path of names.
func (p Program) Command(path ...string) (Command, bool) {
	commands := p.Commands
	var found Command
	for _, name := range path {
		i := slices.IndexFunc(commands, func(c Command) bool { return c.Name == name })
		if i < 0 {
			return Command{}, false
		}
		found, commands = commands[i], commands[i].Commands
	}
	return found, len(path) > 0
}

// walk calls visit for each command, those above before those below, with the path
// of names that leads to it.
func walk(commands []Command, above []string, visit func(path []string, c Command)) {
	for _, c := range commands {
		path := append(slices.Clone(above), c.Name)
		visit(path, c)
		walk(c.Commands, path, visit)
	}
}

// flags returns how an option is typed, its twin and its short form included.
func (o Option) flags() []string {
	var all []string
	if o.Short != "" {
		all = append(all, "-"+o.Short)
	}
	all = append(all, "--"+o.Name)
	if o.Negatable {
		all = append(all, "--no-"+o.Name)
	}
	return all
}

// takesValue reports whether a word must follow.
func (o Option) takesValue() bool { return o.Placeholder != "" }

// summary is the first sentence of the help in one line, for a shell's menu.
func summary(help string) string {
	help = strings.Join(strings.Fields(help), " ")
	if i := strings.IndexAny(help, ".;"); i > 0 && (i+1 == len(help) || help[i+1] == ' ') {
		return help[:i]
	}
	return strings.TrimSuffix(help, ".")
}
