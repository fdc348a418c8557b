//go:build cgo && provoke

package main

import "os"

// provoke panics in the function that the environment names: a test builds this, to see that
// panics are caught.
func provoke(name string) {
	if os.Getenv("COAPGW_PROVOKE") == name {
		var none []int
		_ = none[len(name)]
	}
}
