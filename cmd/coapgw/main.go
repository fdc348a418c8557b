// Command coapgw carries Matrix over constrained links: CBOR over CoAP over DTLS.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/coapgw/coapgw/internal/config"
)

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// libraries is told the log of a program that runs, for what libraries have to say; nil outside
	// of a process of its own.
	libraries func(*slog.Logger)
}

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	soonAfter(ctx, stop) // a second signal does not wait for running requests
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr, logOfLibraries})
	stop()
	os.Exit(code)
}

// oneSignal is how long after a signal to end another one is taken for the same: timeout(1)
// and shells that pass signals on send it both to the process and to its group.
const oneSignal = 500 * time.Millisecond

// soonAfter calls f oneSignal after ctx ends.
func soonAfter(ctx context.Context, f func()) {
	context.AfterFunc(ctx, func() { time.AfterFunc(oneSignal, f) })
}

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, std streams) int {
	cli, parser, err := newCommandLine(std)
	if err != nil {
		panic(err) // the command line is malformed, whatever the user typed
	}
	if len(args) == 1 && args[0] == "--version" { // as people try first
		args = []string{"version"}
	}
	command, err := parser.Parse(args)
	if cli.exited >= 0 {
		return cli.exited
	}
	if err != nil {
		return fail(std, err, exitUsage)
	}
	command.BindTo(ctx, (*context.Context)(nil))
	command.Bind(std, parseAgain(args), straysOf(parser.Model))
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
	cli := newCommands(config.Default())
	parser, err := kong.New(cli,
		kong.Name("coapgw"),
		kong.Description("Matrix over links of a few hundred bits per second. Each option can also be set by the environment variable named after it. 'coapgw COMMAND --help' explains a command."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { cli.exited = code }),
		kong.DefaultEnvars(strings.TrimSuffix(config.EnvPrefix, "_")),
		kong.NamedMapper("path", kong.MapperFunc(fileName)),
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
