// Package paths maps the escaped path of an HTTP request to CoAP Uri-Path
// segments and back, without loss. Paths of the MSC3079 version 1 table become a
// one-character enum followed by the path parameters; all others travel in full.
package paths
