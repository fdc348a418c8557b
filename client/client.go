package client

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/observe"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/dtls/dialer"
	"github.com/coapgw/coapgw/pairing"
)

// Errors of a Client. Others are those of coap.Transport, *coap.Error mostly, or the request
// context's own.
var (
	// ErrSuspended: the Client sleeps, or went to sleep while the request was under way. Make
	// the request again after Resume; one that has an effect may have had it.
	ErrSuspended = errors.New("client: suspended")
	// ErrClosed: the Client was closed.
	ErrClosed = errors.New("client: closed")
)

// errNoURL is about a request that http.Client would not make either.
var errNoURL = errors.New("client: the request has no URL")

// Store keeps sessions and what was pushed beyond the life of the process. Values hold keys
// and tokens, and a copy of it must never be put back: see session.Store.
type Store = session.Store

// Device is what a program has to spend on making messages short.
type Device uint8

// Devices.
const (
	// Handheld is a phone, a single-board computer or a router: 4.5 MB for the coder.
	Handheld Device = iota
	// Microcontroller has no memory for that. Messages are larger.
	Microcontroller
	// Desktop has time and memory for anything that the link can carry.
	Desktop
)

func (d Device) class() coder.Class {
	switch d {
	case Microcontroller:
		return coder.Microcontroller
	case Desktop:
		return coder.Server
	}
	return coder.Handheld
}

// Options say how a Client works. The zero value is usable.
type Options struct {
	// Link is the kind of the link: a name, or values as in "base=gprs,mtu=500"
	// (docs/links.md). Empty is an ordinary connection to the internet.
	Link string
	// Store keeps sessions, so that a restart costs no handshake, and what was pushed until it
	// was fetched. Nil keeps them in memory.
	Store Store
	// Socket opens a socket for datagrams; nil opens one of UDP on a free port. It is called
	// for each session, and when the network has changed.
	Socket func() (net.PacketConn, error)
	// Device is what there is to spend on coding.
	Device Device
	// MaxBody bounds the body of an answer, in bytes; 0 means 16 MiB.
	MaxBody int64
	// Poll has GET /sync go over the link like any other request, rather than be answered out
	// of what the server pushes.
	Poll bool
	// Recover has a panic in a goroutine of the Client, over what comes of the link, end the
	// session, and not the program: requests then fail with an *endpoint.PanicError, and Log has
	// the stack.
	Recover bool
	// Log receives what a person should know; nil discards it.
	Log *slog.Logger
}

const defaultMaxBody = 16 << 20

// Client is an http.RoundTripper that carries requests to the homeserver of a pairing. Its
// methods may be called concurrently.
type Client struct {
	options  Options
	profile  link.Profile
	version2 *coap.Version2
	dialer   *dialer.Dialer
	// front takes requests: the Syncer, or what carries those that it does not answer.
	front  func(*http.Request) (*http.Response, error)
	syncer *observe.Syncer

	// turn is held by what puts the Client to sleep or wakes it: the next transport takes
	// the session up only where the one before has laid it down.
	turn sync.Mutex
	// Guarded by mu. transport is nil while the Client sleeps, and after Close.
	mu        sync.Mutex
	transport *coap.Transport
	closed    bool
	// woken is closed when the sleep ends, or the Client.
	woken  chan struct{}
	before Status // what transports before this one counted
	moving context.CancelFunc
	work   sync.WaitGroup
}

// Open reads a pairing line and readies a Client; the first request opens a session. Errors
// are those of pairing.Parse, or about Options.Link.
func Open(line string, o Options) (*Client, error) {
	p, err := pairing.Parse(line)
	if err != nil {
		return nil, err
	}
	profile, err := link.Parse(cmp.Or(o.Link, link.Default().Name))
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	addresses, security := dialer.FromPairing(p)
	security.Recover = o.Recover
	security.Store, security.SessionName = dtls.Store(o.Store), dialer.SessionName(addresses, p.PSK.Identity)
	if o.Store == nil {
		security.Store = &session.Memory{}
	}
	format, err := wire2.ShippedFor(o.Device.class(), 1)
	if err != nil {
		return nil, err
	}
	c := &Client{
		options: o, profile: profile,
		version2: &coap.Version2{Format: format, Class: o.Device.class()},
		dialer: &dialer.Dialer{
			Routes: dialer.UDP(o.Socket, addresses...), Security: security, Profile: profile, Log: o.Log,
		},
	}
	c.front = carrier{c}.RoundTrip
	if !o.Poll {
		c.syncer = &observe.Syncer{Carry: carrier{c}.RoundTrip, Source: carrier{c}, Profile: profile, Store: o.Store, Log: o.Log}
		c.front = c.syncer.RoundTrip
	}
	c.transport = c.newTransport()
	return c, nil
}

func (c *Client) newTransport() *coap.Transport {
	return &coap.Transport{
		Dial: c.dialer.Dial, Profile: c.profile, Version2: c.version2, MaxBody: c.options.MaxBody,
		Recover: c.options.Recover, Log: c.options.Log,
	}
}

// RoundTrip implements http.RoundTripper. Scheme and host of the URL are not used.
func (c *Client) RoundTrip(r *http.Request) (*http.Response, error) { return c.Do(r) }

// Do makes a request as http.Client.Do does, but for redirections, cookies and Timeout. A
// program that makes all of its requests so, and has no http.Client, is smaller by
// http.Transport, which a linker keeps wherever an http.RoundTripper is called
// (docs/embedding.md).
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	if r.URL == nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, errNoURL
	}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	resp, err := c.front(r)
	if err != nil && r.Context().Err() == nil {
		return nil, c.explain(err)
	}
	return resp, err
}

// explain makes the error of a request that ended because the Client did.
func (c *Client) explain(err error) error {
	if errors.Is(err, observe.ErrClosed) {
		return ErrClosed
	}
	return err
}

// carrier carries what the Syncer does not answer itself, by the transport of the time.
type carrier struct{ c *Client }

// RoundTrip implements http.RoundTripper.
func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	t, err := c.c.awake()
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	resp, err := t.RoundTrip(r)
	if err != nil {
		if r.Context().Err() == nil {
			err = c.c.ended(t, err)
		}
		return nil, err
	}
	resp.Body = &body{resp.Body, c.c, t, r.Context()}
	return resp, nil
}

// body is that of an answer, which may end because the Client does.
type body struct {
	io.ReadCloser
	c   *Client
	t   *coap.Transport
	ctx context.Context
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && b.ctx.Err() == nil {
		err = b.c.ended(b.t, err)
	}
	return n, err
}

// Observe implements observe.Source.
func (c carrier) Observe(r *http.Request, instead observe.Observation, deliver func(observe.Pushed) error) (observe.Observation, error) {
	t, err := c.c.awake()
	if err != nil {
		return nil, err
	}
	o, err := t.Observe(r, instead, deliver)
	if err != nil && r.Context().Err() == nil && !errors.Is(err, observe.ErrNotPushed) {
		err = c.c.ended(t, err)
	}
	return o, err
}

var (
	_ http.RoundTripper = (*Client)(nil)
	_ io.Closer         = (*Client)(nil)
)
