package fidelity

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/policy"
	"github.com/coapgw/coapgw/internal/gateway"
)

// rawAnswer is what the homeserver answers: a head with its empty line, and a body, which
// it leaves out where it must.
type rawAnswer struct {
	head, body string
	// ends: the connection ends with the answer.
	ends bool
}

// rawHomeserver answers each request by the number that is in its target, as n5n.
type rawHomeserver struct {
	*pipes
	mu      sync.Mutex
	answers map[string]rawAnswer
	seen    []rawMessage
}

var numbered = regexp.MustCompile(`n[0-9]+n`)

func (h *rawHomeserver) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		m, err := readMessage(r, func(string) bool { return false }, false)
		if err != nil {
			return
		}
		h.mu.Lock()
		h.seen = append(h.seen, m)
		a, ok := h.answers[numbered.FindString(m.line)]
		h.mu.Unlock()
		if !ok {
			a = rawAnswer{head: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n", body: "{}"}
		}
		text := a.head
		if !strings.HasPrefix(m.line, "HEAD ") {
			text += a.body
		}
		if _, err := io.WriteString(conn, text); err != nil || a.ends {
			return
		}
	}
}

func (h *rawHomeserver) take() []rawMessage {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.seen
	h.seen = nil
	return seen
}

// pipes are connections within the program.
type pipes struct {
	onceListener
	in chan net.Conn
}

func newPipes() *pipes {
	in := make(chan net.Conn)
	return &pipes{onceListener{conns: in, done: make(chan struct{})}, in}
}

func (p *pipes) dial() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.in <- far:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// rawPair is a homeserver that can be reached directly and through a whole pair, with what
// connect and serve have in front of them when nothing is configured.
type rawPair struct {
	homeserver *rawHomeserver
	connect    *pipes
}

func newRawPair(t *testing.T) *rawPair {
	t.Helper()
	return newRawPairOver(t, link.Default())
}

func newRawPairOver(t *testing.T, profile link.Profile) *rawPair {
	t.Helper()
	p := &rawPair{homeserver: &rawHomeserver{pipes: newPipes(), answers: map[string]rawAnswer{}}, connect: newPipes()}
	var running sync.WaitGroup
	running.Go(func() {
		var conns []net.Conn
		for {
			conn, err := p.homeserver.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
			running.Go(func() { p.homeserver.serve(conn) })
		}
		for _, c := range conns {
			_ = c.Close()
		}
	})
	home := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return p.homeserver.dial() }}
	serve := gateway.NewServe(gateway.ServeOptions{
		Homeserver: &url.URL{Scheme: "http", Host: "homeserver"}, Transport: home, SlowLinks: &gateway.SlowLinks{},
	})
	guard := gateway.NewGuard(serve, gateway.GuardOptions{Limits: gateway.Limits{Rate: -1, Bytes: -1, TotalRate: -1}})
	joined := &join.Transport{Base: newTransportOver(t, profile, guard), Profile: profile}
	carried := &policy.Transport{Base: joined}
	connect := gateway.NewConnect(gateway.ConnectOptions{Transport: carried, MaxBody: 64 << 20})
	ctx, stop := context.WithCancel(context.Background())
	running.Go(func() { assert.NoError(t, gateway.RunWeb(ctx, connect, 0, nil, p.connect)) })
	t.Cleanup(func() {
		stop()
		assert.NoError(t, carried.Close())
		assert.NoError(t, joined.Close())
		home.CloseIdleConnections()
		assert.NoError(t, p.homeserver.Close())
		assert.NoError(t, p.connect.Close())
		running.Wait()
	})
	return p
}

// outcome is what a client gets for bytes that it sends, and the homeserver of them.
type outcome struct {
	got  []rawMessage // final responses
	seen []rawMessage
	// before are the informational responses in front of them.
	before int
	err    error // of the first response that did not come
}

// exchange sends the bytes of requests on a connection of their own, all at once, and reads
// a response for each method.
func (p *rawPair) exchange(t tester, dial func() (net.Conn, error), text string, methods ...string) (o outcome) {
	t.Helper()
	conn, err := dial()
	require.NoError(t, err)
	var writing sync.WaitGroup
	writing.Go(func() { _, _ = io.WriteString(conn, text) }) // who answers early does not read all
	defer writing.Wait()
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, method := range methods {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Hour)))
		for {
			m, err := readMessage(r, func(line string) bool { return method == "HEAD" || noBody(line) }, true)
			if err != nil {
				o.err = fmt.Errorf("%s: %w", method, err)
				break
			}
			if status := m.response().Status; status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
				o.before++
				continue
			}
			o.got = append(o.got, m)
			break
		}
		if o.err != nil {
			break
		}
	}
	o.seen = p.homeserver.take()
	return o
}
