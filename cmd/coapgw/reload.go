package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kong"

	"github.com/coapgw/coapgw/internal/config"
)

// reparse reads the command line, environment and file of options again, and returns what
// they say by now.
type reparse func() (*settings, error)

// settings are the options of a command line.
type settings struct {
	cli *commands
	// values are those of the options of the command, by name.
	values map[string]any
}

// parseAgain returns a reparse for arguments that were parsed before.
func parseAgain(args []string) reparse {
	return func() (*settings, error) {
		cli, parser, err := newCommandLine(streams{out: io.Discard, err: io.Discard})
		if err != nil {
			return nil, err
		}
		command, err := parser.Parse(args)
		if err != nil {
			return nil, err
		}
		return settingsOf(cli, command), nil
	}
}

func settingsOf(cli *commands, command *kong.Context) *settings {
	s := &settings{cli, make(map[string]any)}
	for _, flag := range command.Flags() {
		s.values[flag.Name] = flag.Target.Interface()
	}
	return s
}

// hangups receives the signals that ask for a reload. Take them as soon as the program
// means to go on after one: without that they end it.
func hangups() chan os.Signal {
	signals := make(chan os.Signal, 1) // those that come meanwhile are one
	if len(reloadSignals) > 0 {        // none would mean all
		signal.Notify(signals, reloadSignals...)
	}
	return signals
}

// reloader brings what changed in files into a running program, at a signal.
type reloader struct {
	read reparse
	// live are the options that may change while the program runs.
	live []string
	// apply brings them in. It does all that it can, also after an error; but nothing where
	// that is a *config.Error.
	apply func(*commands) error
	log   *slog.Logger
	// signals ask for it, see hangups.
	signals chan os.Signal
	// first is what the program was started with.
	first *settings
}

// heed reloads at each signal until stop is called.
func (r *reloader) heed(ctx context.Context) (stop func(), err error) {
	if r.first, err = r.read(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-r.signals:
				r.reload()
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}, nil
}

// reload reads everything again. What is wrong is logged, and leaves things as they are.
func (r *reloader) reload() {
	now, err := r.read()
	if err != nil {
		r.log.Error("not reloaded: the options are wrong", "error", err)
		return
	}
	var option *config.Error
	switch err := r.apply(now.cli); {
	case errors.As(err, &option):
		r.log.Error("not reloaded: the options are wrong", "error", option)
		return
	case err != nil:
		r.log.Error("not all was reloaded", "error", errors.New(strings.ReplaceAll(err.Error(), "\n", "; ")))
		return
	}
	if later := r.later(now); len(later) > 0 {
		r.log.Warn("these options change with a restart only", "options", strings.Join(later, ", "))
	}
	r.log.Info("reloaded")
}

// later are the options that are no longer what the program was started with and cannot
// change while it runs.
func (r *reloader) later(now *settings) []string {
	var names []string
	for name, value := range now.values {
		if !slices.Contains(r.live, name) && !reflect.DeepEqual(value, r.first.values[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
