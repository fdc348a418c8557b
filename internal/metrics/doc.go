// Package metrics tells Prometheus what a gateway does. All labels are of bounded sets:
// routes are patterns, never paths, and nobody is named.
package metrics
