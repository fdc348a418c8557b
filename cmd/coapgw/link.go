package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/link"
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

// report prints statistics as asked for, and once more at the end.
func (c *linkCmd) report(ctx context.Context, w io.Writer, profile link.Profile, relay *linkemu.Relay) {
	live, interval := isTerminal(w), c.Stats
	if interval == 0 {
		if !live {
			return
		}
		interval = time.Second
	}
	start := time.Now()
	line := func() string {
		return statsLine(profile, relay.Link.Stats(), relay.Clients(), time.Since(start))
	}
	each(ctx, interval, func() {
		if live {
			fmt.Fprint(w, "\r\x1b[2K", line()) // over the line before
		} else {
			fmt.Fprintln(w, line())
		}
	})
	if live {
		fmt.Fprint(w, "\r\x1b[2K")
	}
	fmt.Fprintln(w, line())
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

// statsLine is what happened on the link so far.
func statsLine(p link.Profile, s linkemu.Stats, clients int, elapsed time.Duration) string {
	direction := func(c linkemu.Counters) string {
		text := fmt.Sprintf("%d datagrams %d B", c.Datagrams, c.Payload)
		if elapsed > 0 {
			text += fmt.Sprintf(" busy %.0f %%", min(100, 100*c.Busy.Seconds()/elapsed.Seconds()))
		}
		for _, n := range []struct {
			count int64
			what  string
		}{{c.Lost, "lost"}, {c.Dropped, "dropped"}, {c.Violations, "too large"}} {
			if n.count > 0 {
				text += fmt.Sprintf(" %d %s", n.count, n.what)
			}
		}
		return text
	}
	text := fmt.Sprintf("%s %v: up %s, down %s", p.Name, elapsed.Round(time.Second), direction(s.Up), direction(s.Down))
	if p.HalfDuplex {
		text += fmt.Sprintf(", %d turns", s.Turnarounds)
	}
	return text + fmt.Sprintf(", clients: %d", clients)
}

// isTerminal tells whether people watch w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
