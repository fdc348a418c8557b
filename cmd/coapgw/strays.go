package main

import (
	"log/slog"
	"os"

	"github.com/alecthomas/kong"

	"github.com/coapgw/coapgw/internal/checkup"
	"github.com/coapgw/coapgw/internal/config"
)

// strays say which variables of the environment were meant as options, and are none. They
// are no error: others may have put them there.
type strays []string

// straysOf compares the environment with the options of all commands.
func straysOf(model *kong.Application) strays {
	known := []string{panicEnv}
	_ = kong.Visit(model, func(node kong.Visitable, next kong.Next) error { // which fails only where this does
		if flag, ok := node.(*kong.Flag); ok {
			known = append(known, flag.Envs...)
		}
		return next(nil)
	})
	return config.Strays(os.Environ(), known)
}

// log warns of them.
func (s strays) log(log *slog.Logger) {
	for _, text := range s {
		log.Warn("a variable of the environment is ignored", "error", text)
	}
}

// findings are those of check.
func (s strays) findings() (found []checkup.Finding) {
	for _, text := range s {
		found = append(found, checkup.Finding{Level: checkup.Look, Thing: "environment", Text: text})
	}
	return found
}
