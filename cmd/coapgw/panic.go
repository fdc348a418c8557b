package main

import (
	"os"

	"github.com/coapgw/coapgw/internal/config"
)

// panicEnv names the variable of the environment that decides over panics. It is no option:
// nobody but a test wants it.
const panicEnv = config.EnvPrefix + "PANIC"

// recovers reports whether a panic over what comes of the link ends a session alone. Who
// tests the program wants to see it, and sets it to exit (docs/operations.md).
func recovers() bool { return os.Getenv(panicEnv) != "exit" }
