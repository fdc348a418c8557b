// Package hostile holds the server to serving others while someone, with a key or
// without, sends it whatever comes to mind.
package hostile
