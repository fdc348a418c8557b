//go:build !clientonly

package main

import (
	"context"

	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/demo"
)

type demoCmd struct {
	config.Demo
}

// Help is shown by demo --help.
func (demoCmd) Help() string {
	return `Needs nothing else: a homeserver, serve, connect and an emulated link in one process, geo-vsat (a satellite) unless --link says another. Two users register, meet in a room and write to each other; each step is priced in bytes on the wire, next to the same step over HTTPS. Takes about 15 seconds; on slow links as long as it takes there.

Example: try it with Element or another client afterwards:

  coapgw demo --stay --listen 127.0.0.1:8008`
}

// Run runs the demonstration.
func (c *demoCmd) Run(ctx context.Context, std streams) error {
	if err := c.Check(); err != nil {
		return err
	}
	log, err := newLog(c.Log, std)
	if err != nil {
		return err
	}
	profile, err := c.Link.Profile()
	if err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{
		Link: profile, Homeserver: c.Homeserver, Listen: c.Listen, Stay: c.Stay,
		Out: std.out, JSON: c.JSON, Log: log.Logger,
	})
}
