// Command release builds coapgw for every platform, static and reproducible: whoever
// has the same commit and the same Go gets the same bytes, wherever the sources lie.
//
//	go -C packaging run ./release -out ../dist
//
// It writes an archive for each target, Debian packages where there are such, and
// SHA256SUMS. With -library it makes the Debian packages of the C library instead, for the
// machine that it runs on: they need gcc, and the same one for the same bytes. SOURCE_DATE_EPOCH sets the time of all files; without it, that of the
// commit does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run is the program.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	source := flags.String("source", "..", "directory of the sources")
	out := flags.String("out", "dist", "directory for the release")
	names := flags.String("targets", "", "targets, separated by commas; all by default")
	library := flags.Bool("library", false, "the C library for this machine, instead of the program")
	version := flags.String("version", "", "version as vX.Y.Z; by default git tells")
	if err := flags.Parse(args); err != nil {
		return err
	}
	some, err := chosen(*names)
	if err != nil {
		return err
	}
	paths := []*string{source, out}
	for _, p := range paths {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	r, err := newRelease(ctx, *source, *version)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	stage, err := os.MkdirTemp("", "coapgw-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	if *library {
		made, err := r.library(ctx, stage, *out)
		if err != nil {
			return err
		}
		return writeSums(*out, made)
	}
	manual := filepath.Join(stage, "manual")
	if err := r.manual(ctx, manual); err != nil {
		return err
	}
	var made []string
	for _, t := range some {
		fmt.Println("build", t.name(), r.version)
		files, err := r.build(ctx, t, filepath.Join(stage, t.name()), manual, *out)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name(), err)
		}
		made = append(made, files...)
	}
	return writeSums(*out, made)
}
