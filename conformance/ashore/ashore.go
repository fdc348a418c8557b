// Package ashore is the far end for tests and examples of clients: a homeserver in memory
// behind serve's side of a pair, on a UDP port of the loopback interface.
package ashore

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"net/url"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/pairing"
)

// Ashore is a homeserver and its gateway. Close it.
type Ashore struct {
	// Pairing is the line for clients.
	Pairing string
	// Homeserver is the homeserver without a gateway before it.
	Homeserver string

	hs    *httptest.Server
	serve *gateway.Serve
	stop  context.CancelFunc
	ended chan error
}

// Name is what the homeserver calls itself.
const Name = "ship.example"

// Start starts both.
func Start() (*Ashore, error) {
	hs := httptest.NewServer(fakehs.New(fakehs.Config{ServerName: Name}))
	a, err := Before(hs.URL, Name)
	if err != nil {
		hs.Close()
		return nil, err
	}
	a.hs = hs
	return a, nil
}

// Before starts a gateway before the homeserver at that URL, which has that name.
func Before(homeserver, name string) (*Ashore, error) {
	base, err := url.Parse(homeserver)
	if err != nil {
		return nil, err
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	psk := keys.NewPSK()
	line, err := pairing.Pairing{Addresses: []string{pc.LocalAddr().String()}, PSK: psk}.Secret()
	if err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	version2, err := gateway.Version2(config.Default().Wire, func() string { return name })
	if err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	a := &Ashore{Pairing: line, Homeserver: homeserver, ended: make(chan error, 1)}
	a.serve = gateway.NewServe(gateway.ServeOptions{Homeserver: base})
	station := &gateway.Station{
		Handler: a.serve, Profile: link.Default(), Version2: version2,
		Security: &dtls.Config{Keys: keys.PSKs{psk.Identity: psk.Key}.Lookup, Store: &session.Memory{}},
	}
	var ctx context.Context
	ctx, a.stop = context.WithCancel(context.Background())
	go func() { a.ended <- station.Run(ctx, pc) }()
	return a, nil
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
