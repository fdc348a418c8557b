// Package documents holds what documents say of the repository to what is there: links,
// files, packages, tests, targets of make and options of the program that they name. What
// they say of measurements is held by those who measured.
package documents
