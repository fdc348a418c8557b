// Package demo shows the pair at work in one process: a homeserver, serve, connect
// and an emulated link between them. Two users meet in a room and write
// to each other, and every step is priced next to the same step over HTTPS.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

// Options is how the demonstration runs.
type Options struct {
	// Homeserver is the base URL of a real homeserver with open registration;
	// empty runs one in memory.
	Homeserver string
	// Link is the emulated link; the zero value is geo-vsat. Nothing is lost on it,
	// whatever the profile says, so that the prices of two runs compare.
	Link link.Profile
	// Listen is the TCP address of connect, on loopback, or the error is
	// gateway.ErrNotLoopback; empty picks a free port.
	Listen string
	// Stay keeps everything up after the last step, until the context ends.
	Stay bool
	// Out receives the report, JSON says in which form: a table that grows while
	// the demonstration runs, or one JSON object at its end.
	Out  io.Writer
	JSON bool
	// Log receives what the gateways log; nil discards it.
	Log *slog.Logger
}

// Report is what the demonstration measured.
type Report struct {
	// Link describes the emulated link.
	Link string `json:"link"`
	// Method says how the numbers came about.
	Method string `json:"method"`
	Steps  []Step `json:"steps"`
	Total  Step   `json:"total"`
}

// Step is what one step cost.
type Step struct {
	Name string `json:"name"`
	// Seconds is how long the step took over the emulated link.
	Seconds float64 `json:"seconds"`
	CoAP    Cost    `json:"coap"`
	HTTPS   Cost    `json:"https"`
}

// Cost is what crossed the wire, in bytes of whole IPv4 packets.
type Cost struct {
	Up          int `json:"up"`
	Down        int `json:"down"`
	PacketsUp   int `json:"packets_up"`
	PacketsDown int `json:"packets_down"`
}

func (c Cost) sub(d Cost) Cost {
	return Cost{c.Up - d.Up, c.Down - d.Down, c.PacketsUp - d.PacketsUp, c.PacketsDown - d.PacketsDown}
}

func (c Cost) add(d Cost) Cost {
	return Cost{c.Up + d.Up, c.Down + d.Down, c.PacketsUp + d.PacketsUp, c.PacketsDown + d.PacketsDown}
}

const method = "whole IPv4 packets: CoAP counted on the emulated link with 28 bytes of IP and UDP " +
	"a datagram; HTTPS is the same step over HTTP/1.1 and real TLS 1.3 in process, with 40 bytes of IP and TCP " +
	"added for each segment of 1460 bytes and for an acknowledgement of every second one, and a TCP handshake: a model"

// Run runs the demonstration. The error of a step that did not do what it should
// names the step.
func Run(ctx context.Context, o Options) (err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Link.Name == "" {
		o.Link, _ = link.ByName("geo-vsat")
	}
	world, err := build(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := world.close(); err == nil {
			err = closeErr
		}
	}()
	// Two runs against one homeserver must not meet: their names differ, not in
	// length.
	var tag [6]byte
	if _, err := rand.Read(tag[:]); err != nil {
		return err
	}
	over := newChat(newClient(world.connectURL, nil), "c"+hex.EncodeToString(tag[:3]))
	direct := newChat(newClient(world.tlsURL, world.tlsTransport()), "d"+hex.EncodeToString(tag[3:]))

	p := printer{out: o.Out, json: o.JSON}
	p.begin(world)
	report := Report{Link: world.linkText(), Method: method}
	for _, step := range script {
		s := Step{Name: step.name}
		before, start := world.linkCost(), time.Now()
		if err := step.run(over, ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		s.Seconds = time.Since(start).Seconds()
		s.CoAP = world.linkCost().sub(before)
		before = world.tlsCost()
		if err := step.run(direct, ctx); err != nil {
			return fmt.Errorf("%s over HTTPS: %w", step.name, err)
		}
		s.HTTPS = world.tlsCost().sub(before)
		report.Steps = append(report.Steps, s)
		report.Total.Seconds += s.Seconds
		report.Total.CoAP = report.Total.CoAP.add(s.CoAP)
		report.Total.HTTPS = report.Total.HTTPS.add(s.HTTPS)
		p.step(s)
	}
	report.Total.Name = "total"
	if err := p.end(report); err != nil {
		return err
	}
	if o.Stay {
		p.stay(world, over)
		<-ctx.Done()
	}
	return nil
}
