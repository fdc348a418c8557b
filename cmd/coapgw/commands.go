//go:build !clientonly

package main

import "github.com/coapgw/coapgw/internal/config"

// commands is the command line, one field a subcommand. A build for small machines has
// those of commands_clientonly.go.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run the homeserver's side: take CoAP from the link, speak HTTP to the homeserver."`
	Connect connectCmd `cmd:"" help:"Run the client's side: take HTTP from Matrix clients, speak CoAP over the link."`
	Check   checkCmd   `cmd:"" help:"Check a configuration: files, addresses, clock, homeserver."`
	Demo    demoCmd    `cmd:"" help:"Show the pair at work over an emulated link, and what each step costs."`
	Link    linkCmd    `cmd:"" help:"Put an emulated link between UDP clients and a server."`
	Keygen  keygenCmd  `cmd:"" help:"Make keys, certificates and pairing lines."`
	Request requestCmd `cmd:"" help:"Make one request over CoAP, JSON in and out."`
	Measure measureCmd `cmd:"" help:"Count what recorded Matrix traffic costs in each form."`
	Inspect inspectCmd `cmd:"" help:"Show what a captured message says and what each part of it costs."`
	CBOR    cborCmd    `cmd:"" name:"cbor" help:"Convert between JSON and the CBOR of the link."`
	Version versionCmd `cmd:"" help:"Print the version."`
	Manual  manualCmd  `cmd:"" hidden:"" help:"Write the man page, shell completions and example files into a directory."`

	exited int // the code with which --help ended, -1 before
}

// edition is what version says of this choice of commands.
const edition = ""

// newCommands returns the command line with its defaults.
func newCommands(defaults config.Config) *commands {
	serve := serveCmd{Serve: defaults.Serve, tracingOptions: newTracingOptions(defaults), Link: defaults.Link, Wire: defaults.Wire, Limits: defaults.Limits, Log: defaults.Log}
	connect := newConnectCmd(defaults)
	return &commands{
		exited:  -1,
		Serve:   serve,
		Connect: connect,
		Check:   checkCmd{checkServeCmd{serve}, checkConnectCmd{connect}},
		Demo:    demoCmd{Demo: defaults.Demo},
		Link:    linkCmd{Relay: defaults.Relay},
		Request: requestCmd{Link: defaults.Link, Request: defaults.Request, MaxBody: defaults.Limits.MaxBody},
	}
}

type checkCmd struct {
	Serve   checkServeCmd   `cmd:"" help:"Check what serve would be given."`
	Connect checkConnectCmd `cmd:"" help:"Check what connect would be given."`
}
