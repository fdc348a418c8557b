// Package vectors plays the files of testdata/vectors against the packages that speak the
// formats, and writes them: they are for other implementations, see docs/vectors.md.
package vectors
