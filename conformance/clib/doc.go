// Package clib builds the C library as clib/build.sh installs it, and runs C programs with
// it against serve and a homeserver: the example, under valgrind too, and programs that
// misuse it. It needs gcc, g++, binutils, pkg-config and valgrind.
package clib
