//go:build !clientonly

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/linkemu"
)

type linkCmd struct {
	config.Relay
}

// Help is shown by link --help.
func (linkCmd) Help() string {
	return `Relays datagrams between UDP clients and a server over an emulated link in real time: its rate, delay, jitter, bursts of loss, MTU, queues, turns, gaps and contacts. Runs until SIGTERM or SIGINT. The links are listed in docs/links.md.

Example: how does a CoAP client do over a modem of 300 bit/s?

  coapgw link --profile hf-vara500 --to 192.0.2.7:5683 --listen :5683 --pcap hf.pcap
  coap-client -m get coap://127.0.0.1/.well-known/core`
}

// Run relays until ctx ends.
func (c *linkCmd) Run(ctx context.Context, std streams) (err error) {
	if err := c.Relay.Check(); err != nil {
		return err
	}
	profile, err := c.Relay.Emulated()
	if err != nil {
		return err
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", c.To)
	}
	probe, err := dial(ctx) // a name that does not resolve is better known now
	if err != nil {
		return err
	}
	_ = probe.Close()
	var capture *linkemu.Capture
	if c.Pcap != "" {
		file, createErr := os.Create(c.Pcap)
		if createErr != nil {
			return createErr
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if capture, err = linkemu.NewCapture(file); err != nil {
			return err
		}
	}
	var listen net.ListenConfig
	pc, err := listen.ListenPacket(ctx, "udp", c.Listen)
	if err != nil {
		return err
	}
	emulated := linkemu.New(linkemu.FromProfile(profile, c.Seed))
	defer func() { err = errors.Join(err, emulated.Close()) }()
	relay := &linkemu.Relay{Link: emulated, Dial: dial, MaxClients: c.MaxClients, Capture: capture}
	fmt.Fprintf(std.out, "listening on udp://%s\n", pc.LocalAddr())

	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { c.report(ctx, std.err, profile, relay) })
	if c.Rebind > 0 {
		running.Go(func() { each(ctx, c.Rebind, func() { _ = relay.Rebind(ctx) }) })
	}
	err = relay.Serve(ctx, pc)
	stop()
	running.Wait()
	return err
}

// each calls f in each interval until ctx ends.
func each(ctx context.Context, interval time.Duration, f func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f()
		}
	}
}
