// Package delivery is what a person waits for on a link, step by step, and how it
// is measured: the same for coapgw (conformance/profiles) and for HTTPS
// (conformance/https), so that docs/links.md can compare them.
package delivery
