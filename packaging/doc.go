// Package packaging has what a release of coapgw is made of: units of systemd, the
// Debian package, a container file. Its tests check them with the tools that take
// them. The program in release/ makes the release.
package packaging
