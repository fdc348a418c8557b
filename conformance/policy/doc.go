// Package policy measures what coap/policy saves, and shows what becomes of files on
// links that come and go, over an emulated link in virtual time.
package policy
