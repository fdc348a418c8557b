//go:build cgo

// Command clib is the C library, libcoapgw: package client behind coapgw.h, which is
// written by hand and says what holds for those who call it. build.sh builds it, as an
// archive and as a shared library.
//
// A call goes from boundary.c, which has the functions of the header, by exports.go, where
// C's types end, to clients and observations, which are Go like any other.
package main

func main() {}
