//go:build !clientonly

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/coapgw/coapgw/internal/manual"
)

type manualCmd struct {
	Dir string `arg:"" help:"Directory to write to; made if it is not there." type:"path"`
}

// Help is shown by manual --help.
func (manualCmd) Help() string {
	return `For packages: coapgw.1 is the man page; coapgw.bash, _coapgw and coapgw.fish complete command lines; serve.env and connect.env are commented files for the units of systemd.`
}

// Run writes the files. They depend on nothing but the command line and the build.
func (c *manualCmd) Run(parsed *kong.Context) (err error) {
	program := described(parsed.Model)
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	environment := func(command, intro string) func(io.Writer) error {
		return func(w io.Writer) error {
			found, ok := program.Command(command)
			if !ok {
				return fmt.Errorf("no command %s", command)
			}
			return manual.WriteEnvironment(w, intro, found)
		}
	}
	files := []struct {
		name  string
		write func(io.Writer) error
	}{
		{"coapgw.1", program.WritePage},
		{"coapgw.bash", program.WriteBash},
		{"_coapgw", program.WriteZsh},
		{"coapgw.fish", program.WriteFish},
		{"serve.env", environment("serve", "What coapgw-serve.service is told. Copy this file to /etc/coapgw/serve.env, without\nwhich the service does not start, and take the # from what you set.")},
		{"connect.env", environment("connect", "What coapgw-connect.service is told. Copy this file to /etc/coapgw/connect.env, or to\n~/.config/coapgw/connect.env for the service of a user, without which the service does\nnot start, and take the # from what you set.")},
	}
	for _, file := range files {
		if err := writeTo(filepath.Join(c.Dir, file.name), file.write); err != nil {
			return err
		}
	}
	return nil
}

// writeTo makes a file of what write writes.
func writeTo(name string, write func(io.Writer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}

// described is the command line as package manual takes it: what kong knows of it,
// so that no option is described anywhere but at its field.
func described(app *kong.Application) manual.Program {
	build := readBuild()
	program := manual.Program{
		Name:     app.Name,
		Summary:  app.Help,
		Release:  build.Version,
		Commands: describedCommands(app.Node),
		ExitCodes: []manual.ExitCode{
			{Code: exitOK, Meaning: "It did what it was asked to."},
			{Code: exitFailure, Meaning: "It failed; standard error says why in one line."},
			{Code: exitUsage, Meaning: "The command line or the configuration cannot be meant; standard error names the option."},
		},
	}
	if committed, err := time.Parse(time.RFC3339, build.Date); err == nil {
		program.Date = committed.UTC().Format(time.DateOnly)
	}
	return program
}

func describedCommands(node *kong.Node) []manual.Command {
	var all []manual.Command
	for _, child := range node.Children {
		if child.Hidden || child.Type != kong.CommandNode {
			continue
		}
		c := manual.Command{Name: child.Name, Summary: child.Help, Detail: child.Detail, Commands: describedCommands(child)}
		for _, flag := range child.Flags {
			if !flag.Hidden {
				c.Options = append(c.Options, describedOption(flag))
			}
		}
		for _, p := range child.Positional {
			c.Arguments = append(c.Arguments, manual.Argument{
				Name: p.Name, Help: p.Help, Optional: !p.Required, Repeated: p.IsCumulative(), File: isFile(p),
			})
		}
		all = append(all, c)
	}
	return all
}

func describedOption(flag *kong.Flag) manual.Option {
	o := manual.Option{
		Name:      flag.Name,
		Help:      flag.Help,
		Negatable: flag.Tag.Negatable != "",
		File:      isFile(flag.Value),
	}
	if flag.Short != 0 {
		o.Short = string(flag.Short)
	}
	if !flag.IsBool() && !flag.IsCounter() {
		o.Placeholder = strings.ToUpper(flag.Name)
		if tag := flag.Tag.PlaceHolder; tag != "" {
			o.Placeholder = tag
		}
		if flag.Enum != "" {
			o.Values = flag.EnumSlice()
		}
	}
	if flag.HasDefault {
		o.Default = flag.Default
	}
	if len(flag.Envs) > 0 {
		o.Env = flag.Envs[0]
	}
	return o
}

// isFile reports whether a value names a file.
func isFile(v *kong.Value) bool {
	switch v.Tag.Type {
	case "path", "existingfile", "existingdir", "filecontent":
		return true
	default:
		return false
	}
}
