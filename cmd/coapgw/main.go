// Command coapgw carries Matrix over constrained links: CBOR over CoAP over DTLS.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/coapgw/coapgw/internal/config"
)

// commands is the command line, one field a subcommand.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run the homeserver's side: take CoAP from the link, speak HTTP to the homeserver."`
	Connect connectCmd `cmd:"" help:"Run the client's side: take HTTP from Matrix clients, speak CoAP over the link."`
	Check   checkCmd   `cmd:"" help:"Check a configuration: files, addresses, clock, homeserver."`
	Demo    demoCmd    `cmd:"" help:"Show the pair at work over an emulated link, and what each step costs."`
	Link    linkCmd    `cmd:"" help:"Put an emulated link between UDP clients and a server."`
	Keygen  keygenCmd  `cmd:"" help:"Make keys, certificates and pairing lines."`
	Request requestCmd `cmd:"" help:"Make one request over CoAP, JSON in and out."`
	Measure measureCmd `cmd:"" help:"Count what recorded Matrix traffic costs in each form."`
	Inspect inspectCmd `cmd:"" help:"Show what a captured message says and what each part of it costs."`
	CBOR    cborCmd    `cmd:"" name:"cbor" help:"Convert between JSON and the CBOR of the link."`
	Version versionCmd `cmd:"" help:"Print the version."`
	Manual  manualCmd  `cmd:"" hidden:"" help:"Write the man page, shell completions and example files into a directory."`

	exited int // the code with which --help ended, -1 before
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal does not wait for running requests
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, std streams) int {
	cli, parser, err := newCommandLine(std)
	if err != nil {
		panic(err) // the command line is malformed, whatever the user typed
	}
	command, err := parser.Parse(args)
	if cli.exited >= 0 {
		return cli.exited
	}
	if err != nil {
		return fail(std, err, exitUsage)
	}
	command.BindTo(ctx, (*context.Context)(nil))
	command.Bind(std, parseAgain(args))
	if err := command.Run(); err != nil {
		var option *config.Error
		var argument *argumentError
		if errors.As(err, &option) || errors.As(err, &argument) {
			return fail(std, err, exitUsage)
		}
		return fail(std, err, exitFailure)
	}
	return exitOK
}

// newCommandLine returns the command line with its defaults, and what parses it.
func newCommandLine(std streams) (*commands, *kong.Kong, error) {
	defaults := config.Default()
	serve := serveCmd{Serve: defaults.Serve, Link: defaults.Link, Wire: defaults.Wire, Limits: defaults.Limits, Log: defaults.Log}
	connect := connectCmd{Connect: defaults.Connect, Policy: defaults.Policy, Page: defaults.Page, Link: defaults.Link, Wire: defaults.Wire, Limits: defaults.Limits, Log: defaults.Log}
	cli := &commands{
		exited:  -1,
		Serve:   serve,
		Connect: connect,
		Check:   checkCmd{checkServeCmd{serve}, checkConnectCmd{connect}},
		Demo:    demoCmd{Demo: defaults.Demo},
		Link:    linkCmd{Relay: defaults.Relay},
		Request: requestCmd{Link: defaults.Link, Request: defaults.Request, MaxBody: defaults.Limits.MaxBody},
	}
	parser, err := kong.New(cli,
		kong.Name("coapgw"),
		kong.Description("Matrix over links of a few hundred bits per second. Each option can also be set by the environment variable named after it. 'coapgw COMMAND --help' explains a command."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { cli.exited = code }),
		kong.DefaultEnvars("COAPGW"),
		kong.PostBuild(initialValuesAreDefaults),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
	)
	return cli, parser, err
}

// argumentError is an argument that cannot be meant.
type argumentError struct{ problem string }

func (e *argumentError) Error() string { return e.problem }

// fail shows an error in one line, also one of several errors joined.
func fail(std streams, err error, code int) int {
	fmt.Fprintf(std.err, "coapgw: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	return code
}

// initialValuesAreDefaults makes the value that a flag's field has before
// parsing its default, so that package config alone says what the defaults are.
func initialValuesAreDefaults(k *kong.Kong) error {
	return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && !flag.HasDefault && flag.Target.IsValid() && !flag.Target.IsZero() && flag.Target.Kind() != reflect.Slice {
			flag.Default, flag.HasDefault = fmt.Sprint(flag.Target.Interface()), true
			flag.PlaceHolder = flag.Default
		}
		return next(nil)
	})
}
