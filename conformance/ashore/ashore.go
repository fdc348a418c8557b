// Package ashore is the far end for tests and examples of clients: a homeserver, in memory
// unless there is another one, behind serve's side of a pair. The tests of client, mobile,
// clib and the examples use it.
package ashore

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/conformance/people"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/pairing"
)

// Ashore is a homeserver and its gateway. Close it.
type Ashore struct {
	// Pairing is the line for clients.
	Pairing string
	// Homeserver is the URL of the homeserver without a gateway before it.
	Homeserver string

	hs      *httptest.Server
	serve   *gateway.Serve
	station func() *gateway.Station
	stop    context.CancelFunc
	ended   chan error
}

// Name is what the homeserver in memory calls itself.
const Name = "ship.example"

// Options say what is ashore. The zero value is a homeserver in memory behind a port of the
// loopback interface.
type Options struct {
	// Homeserver is the URL of one that runs, Name what it calls itself.
	Homeserver, Name string
	// Via carries requests to it; nil is the network.
	Via http.RoundTripper
	// Socket is the gateway's, which closes it; Address is where clients find it, "" for
	// what the socket says.
	Socket  net.PacketConn
	Address string
	// Format is what the gateway knows of wire version 2; nil has it read that anew.
	Format *wire2.Format
	// Guard bounds what clients may ask for.
	Guard gateway.GuardOptions
}

// Start starts what the zero Options say.
func Start() (*Ashore, error) { return Open(Options{}) }

// Open starts what is ashore.
func Open(o Options) (a *Ashore, err error) {
	a = &Ashore{Homeserver: o.Homeserver, ended: make(chan error, 1)}
	if o.Homeserver == "" {
		o.Name = Name
		a.hs = httptest.NewServer(fakehs.New(fakehs.Config{ServerName: Name}))
		a.Homeserver = a.hs.URL
	}
	defer func() {
		if err != nil && a.hs != nil {
			a.hs.Close()
		}
	}()
	base, err := url.Parse(a.Homeserver)
	if err != nil {
		return nil, err
	}
	if o.Format == nil {
		if o.Format, err = wire2.Shipped(1); err != nil {
			return nil, err
		}
	}
	if o.Socket == nil {
		if o.Socket, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	if o.Address == "" {
		o.Address = o.Socket.LocalAddr().String()
	}
	psk := keys.NewPSK()
	if a.Pairing, err = (pairing.Pairing{Addresses: []string{o.Address}, PSK: psk}).Secret(); err != nil {
		return nil, errors.Join(err, o.Socket.Close())
	}
	a.serve = gateway.NewServe(gateway.ServeOptions{Homeserver: base, Transport: o.Via})
	store := &session.Memory{}
	a.station = func() *gateway.Station {
		return &gateway.Station{
			Handler: a.serve, Guard: o.Guard, Profile: link.Default(),
			Version2: &coap.Version2{Format: o.Format, Home: func() string { return o.Name }},
			Security: &dtls.Config{Keys: keys.PSKs{psk.Identity: psk.Key}.Lookup, Store: store},
		}
	}
	a.run(o.Socket)
	return a, nil
}

func (a *Ashore) run(socket net.PacketConn) {
	station := a.station()
	var ctx context.Context
	ctx, a.stop = context.WithCancel(context.Background())
	go func() { a.ended <- station.Run(ctx, socket) }()
}

// Restart ends the gateway and starts it over another socket, with the sessions that it has
// stored.
func (a *Ashore) Restart(socket func() net.PacketConn) error {
	a.stop()
	err := <-a.ended
	a.run(socket())
	return err
}

// SignUp makes an account at the homeserver, for somebody next to it.
func (a *Ashore) SignUp(ctx context.Context, name string) (*people.Person, error) {
	return people.SignUp(ctx, a.Homeserver, nil, name)
}

// Close ends both and waits for them.
func (a *Ashore) Close() error {
	a.stop()
	err := <-a.ended
	a.serve.Close()
	if a.hs != nil {
		a.hs.Close()
	}
	return err
}
