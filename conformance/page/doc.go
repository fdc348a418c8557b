// Package page holds the suite that opens the status page in headless Chromium: what a
// person sees, clicks and reaches by keyboard, with and without JavaScript, and on a phone.
//
// go -C conformance/page test -update writes the screenshots of docs/img anew.
package page
