//go:build cgo && !provoke

package main

// provoke does nothing, unless for a test of what catches panics.
func provoke(string) {}
