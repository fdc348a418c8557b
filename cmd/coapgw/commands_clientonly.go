//go:build clientonly

package main

import "github.com/coapgw/coapgw/internal/config"

// commands is the command line of a build for small machines: the client's side alone.
type commands struct {
	Connect connectCmd `cmd:"" help:"Run the client's side: take HTTP from Matrix clients, speak CoAP over the link."`
	Check   checkCmd   `cmd:"" help:"Check a configuration: files, addresses, clock."`
	Version versionCmd `cmd:"" help:"Print the version."`

	exited int // the code with which --help ended, -1 before
}

// edition is what version says of this choice of commands.
const edition = " (client only)"

// Defaults for a machine with 64 MB of memory, in bytes. A body may be held several times: as it
// came, and in the form of the link.
const (
	smallMaxBody     = 4 << 20
	smallMaxMedia    = 2 << 20
	smallKeepAnswers = 1 << 20
)

// newCommands returns the command line with its defaults.
func newCommands(defaults config.Config) *commands {
	defaults.Wire.Device = config.HandheldDevice
	defaults.Limits.MaxBody = smallMaxBody
	defaults.Policy.MaxMedia = smallMaxMedia
	defaults.Connect.KeepAnswers = smallKeepAnswers
	connect := newConnectCmd(defaults)
	return &commands{exited: -1, Connect: connect, Check: checkCmd{checkConnectCmd{connect}}}
}

type checkCmd struct {
	Connect checkConnectCmd `cmd:"" help:"Check what connect would be given."`
}
