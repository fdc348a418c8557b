package main

import "os"

// recovers reports whether a panic over what comes of the link ends a session alone. Who
// tests the program wants to see it, and sets COAPGW_PANIC to exit (docs/operations.md).
func recovers() bool { return os.Getenv("COAPGW_PANIC") != "exit" }
