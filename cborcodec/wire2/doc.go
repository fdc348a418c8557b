// Package wire2 is the payload of wire version 2: what package dialect makes of a
// request or response, coded against the tables of package idtable by package coder.
// Client and Server are the two ends of a session. Bytes only: no link, no clock.
// docs/wire-v2.md describes the format for other implementations.
package wire2
