package main

import (
	"os"
	"reflect"

	"github.com/alecthomas/kong"

	"github.com/coapgw/coapgw/internal/config"
)

// configFile is the option of commands that read their options from a file.
type configFile struct {
	Config string `help:"File of options (YAML): names of flags, each with its value. The environment goes before it, and flags before both." placeholder:"FILE" type:"path"`
}

// configFlag is the name of that option, which cannot be in the file.
const configFlag = "config"

// layered resolves flags that are not on the command line from the file that --config names.
type layered struct{ layers *config.Layers }

// BeforeResolve reads the file, where there is one, when it is known which command is meant.
func (c *commands) BeforeResolve(ctx *kong.Context) error {
	flags := ctx.Flags()
	for _, flag := range flags {
		if flag.Name != configFlag {
			continue
		}
		file, _ := ctx.FlagValue(flag).(string)
		if file == "" {
			return nil
		}
		layers, err := config.ReadLayers(file, os.Environ(), options(flags))
		if err != nil {
			return err
		}
		ctx.AddResolver(&layered{layers})
	}
	return nil
}

// options are the flags that a file may set.
func options(flags []*kong.Flag) []config.Option {
	var found []config.Option
	for _, flag := range flags {
		if flag.Name != configFlag && flag.Name != "help" {
			found = append(found, config.Option{Name: flag.Name, Env: flag.Envs, List: flag.IsSlice()})
		}
	}
	return found
}

// Validate implements kong.Resolver.
func (*layered) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (l *layered) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Name == configFlag {
		return nil, nil
	}
	return l.layers.Value(flag.Name), nil
}

// fileName reads the name of a file: ~/ is the home directory, and a relative one is that of
// the working directory. An empty one stays empty: it takes back what a layer below says.
func fileName(ctx *kong.DecodeContext, target reflect.Value) error {
	var name string
	if err := ctx.Scan.PopValueInto("file", &name); err != nil {
		return err
	}
	if name != "" && name != "-" {
		name = kong.ExpandPath(name)
	}
	target.SetString(name)
	return nil
}
