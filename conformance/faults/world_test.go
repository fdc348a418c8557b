package faults

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/process"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// behaviour is what a homeserver does with a connection on which a request has come. The
// connection is closed, with a reset, when it returns.
type behaviour func(c *net.TCPConn, r *http.Request)

// homeserver is a real TCP server that behaves.
type homeserver struct {
	t       *testing.T
	address string

	mu       sync.Mutex
	does     behaviour
	listener net.Listener
	open     map[net.Conn]bool
	running  sync.WaitGroup
}

func newHomeserver(t *testing.T) *homeserver {
	address, err := process.FreeAddr("tcp") // on which it can start again
	require.NoError(t, err)
	h := &homeserver{t: t, address: address, open: map[net.Conn]bool{}}
	h.start()
	t.Cleanup(h.stop)
	return h
}

func (h *homeserver) start() {
	l, err := net.Listen("tcp", h.address)
	require.NoError(h.t, err)
	h.listener = l
	h.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.open[c] = true
			h.mu.Unlock()
			h.running.Go(func() { h.serve(c.(*net.TCPConn)) })
		}
	})
}

func (h *homeserver) serve(c *net.TCPConn) {
	defer func() {
		h.mu.Lock()
		delete(h.open, c)
		h.mu.Unlock()
		_ = c.SetLinger(0)
		_ = c.Close()
	}()
	for in := bufio.NewReader(c); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		h.mu.Lock()
		does := h.does
		h.mu.Unlock()
		if does != nil {
			does(c, r)
			return
		}
		const body = `{"user_id":"@a:hs"}`
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n"+body)
	}
}

// stop is the end of the process: connections are reset, the port is closed.
func (h *homeserver) stop() {
	_ = h.listener.Close()
	h.mu.Lock()
	for c := range h.open {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	h.mu.Unlock()
	h.running.Wait()
}

// behave sets what is done from now on, nil for what homeservers do.
func (h *homeserver) behave(does behaviour) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.does = does
}

// newPair returns the client's end of a pair before a homeserver. What hangs is waited for
// patience, for ever where that is 0.
func newPair(t *testing.T, h *homeserver, patience time.Duration) http.RoundTripper {
	l := linkemu.New(linkemu.Config{})
	psk := keys.NewPSK()
	serve := gateway.NewServe(gateway.ServeOptions{
		Homeserver:      &url.URL{Scheme: "http", Host: h.address},
		ResponseTimeout: patience,
	})
	station := &gateway.Station{
		Handler: serve, Profile: link.Default(),
		Security: &dtls.Config{Keys: keys.PSKs{psk.Identity: psk.Key}.Lookup},
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- station.Run(ctx, l.Listen()) }()
	dialer := &gateway.Dialer{
		Profile: link.Default(), Security: &dtls.Config{Identity: psk.Identity, Key: psk.Key},
		Routes: func(context.Context) ([]gateway.Route, error) {
			return []gateway.Route{{Peer: linkemu.FarAddr(), Open: func() (net.PacketConn, error) {
				return l.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}), nil
			}}}, nil
		},
	}
	transport := &coap.Transport{Dial: dialer.Dial, Profile: link.Default()}
	t.Cleanup(func() {
		assert.NoError(t, transport.Close())
		stop()
		assert.NoError(t, <-ended)
		serve.Close()
		assert.NoError(t, l.Close())
	})
	return transport
}
