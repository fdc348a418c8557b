//go:build !clientonly

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/internal/inspect"
)

// wiretap shows the CoAP messages that cross a session.
type wiretap struct {
	net.Conn
	mu    sync.Mutex
	w     io.Writer
	known *inspect.Conversation
}

func newWiretap(conn net.Conn, w io.Writer) (*wiretap, error) {
	format, err := wire2.Shipped(1)
	if err != nil {
		return nil, err
	}
	return &wiretap{Conn: conn, w: w, known: inspect.NewConversation(format, "")}, nil
}

// Read implements net.Conn.
func (t *wiretap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	if err == nil {
		t.show("<", p[:n])
	}
	return n, err
}

// Write implements net.Conn.
func (t *wiretap) Write(p []byte) (int, error) {
	t.show(">", p)
	return t.Conn.Write(p)
}

// Overhead tells coap.Transport what the layer below adds to a datagram.
func (t *wiretap) Overhead() int {
	if o, ok := t.Conn.(interface{ Overhead() int }); ok {
		return o.Overhead()
	}
	return 0
}

func (t *wiretap) show(direction string, datagram []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := inspect.Report{Title: fmt.Sprintf("%s %d bytes", direction, len(datagram))}
	t.known.Message(&r, bytes.Clone(datagram))
	// Who cannot be shown the messages still gets the answer.
	_ = r.Write(t.w, inspect.Style{Bare: true})
}
