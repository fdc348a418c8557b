// Package coder makes payloads of wire version 2 small. It is the last step before a
// payload goes into CoAP messages: bytes in, fewer bytes out. docs/wire-v2-coder.md
// specifies the format.
//
// A payload is sent raw, deflated with a preset dictionary (RFC 1951), or coded by
// static context mixing, whichever is smallest under a Policy. The first byte says
// which. What is learned from a payload is forgotten after it, so nothing about one
// payload can be told from the size of another.
//
// Both ends need the same Model; its ID says so. The arithmetic is that of integers of
// fixed width, so that each architecture codes alike.
package coder
