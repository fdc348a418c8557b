// Package sizes holds wire version 2 to the bytes that it may take, on traffic from which
// neither tables nor model were made.
package sizes
