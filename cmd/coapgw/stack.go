package main

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/observe"
	"github.com/coapgw/coapgw/coap/outbox"
	"github.com/coapgw/coapgw/coap/policy"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/tokens"
	"github.com/coapgw/coapgw/internal/config"
)

// stack carries the requests of clients over the link. From the link outwards:
// coap.Transport sends them; tokens learns which access tokens are one device's; join finishes
// what a client gave up on; outbox keeps messages until they are sent; the syncer answers polls out of what is pushed; and the policy has
// the least cross, so that what it answers itself reaches none of the others.
type stack struct {
	http.RoundTripper
	// layers are those that end, the innermost first.
	layers []io.Closer
	policy *policy.Transport
	// syncer is nil where nothing is pushed.
	syncer *observe.Syncer
}

// newStack puts what the configuration asks for on a transport, which it closes with the
// rest, and whose requests go through carrier. box becomes the outbox, unless it is nil.
func (c *connectCmd) newStack(transport *coap.Transport, carrier http.RoundTripper, profile link.Profile, box *outbox.Transport, store session.Store, log *slog.Logger) (*stack, error) {
	lineage := &tokens.Lineage{Carry: carrier.RoundTrip, Store: store, Log: log}
	s := &stack{RoundTripper: lineage, layers: []io.Closer{transport}}
	if c.KeepAnswers > 0 {
		add(s, &join.Transport{Base: s.RoundTripper, Profile: profile, MaxKept: c.KeepAnswers})
	}
	if box != nil {
		box.Base, box.Store, box.Profile, box.MaxItems = s.RoundTripper, store, profile, maxWaiting
		box.NoTokens, box.Hold, box.Log = transport.NoTokens, c.Hold, log
		add(s, box)
		if err := box.Start(); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if c.Push {
		s.syncer = &observe.Syncer{Carry: s.RoundTripper.RoundTrip, Source: transport, User: lineage.User, Profile: profile, Store: store, Log: log}
		add(s, s.syncer)
	}
	override, err := c.Override()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	p := &policy.Transport{
		Base: s.RoundTripper, Profile: profile, Override: override, Off: c.Chatter == config.Full,
		Download: c.MaxDownload, Upload: c.MaxUpload, WholeSync: c.WholeSync, MaxMedia: c.MaxMedia, Log: log,
	}
	if p.MaxMedia == 0 {
		p.MaxMedia = -1
	}
	s.policy = p
	add(s, p)
	return s, nil
}

// maxWaiting bounds the requests in the outbox.
const maxWaiting = 1000

// add puts a layer in front of the others.
func add[L interface {
	http.RoundTripper
	io.Closer
}](s *stack, layer L) {
	s.RoundTripper, s.layers = layer, append(s.layers, layer)
}

// Close ends the layers, each before the one that it needs.
func (s *stack) Close() error {
	var err error
	for _, l := range slices.Backward(s.layers) {
		err = errors.Join(err, l.Close())
	}
	return err
}
