package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// ErrNotLoopback: plain HTTP was to be offered where others can read it. Listen
// on a loopback address, use HTTPS, or permit it explicitly.
var ErrNotLoopback = errors.New("plain HTTP beyond this machine shows passwords and access tokens to everyone on the network")

// ListenWeb listens for plain HTTP. Unless anywhere is set, it refuses with
// ErrNotLoopback an address that other machines can reach.
func ListenWeb(ctx context.Context, address string, anywhere bool) (net.Listener, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if !anywhere && !addr.IP.IsLoopback() {
		return nil, fmt.Errorf("listen %s: %w", address, ErrNotLoopback)
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", addr.String())
}

// ListenWebTLS listens for HTTPS, TLS 1.2 or later.
func ListenWebTLS(ctx context.Context, address string, cert *WebCertificate) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert.current.Load(), nil },
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
	}), nil
}

// Limits of an HTTP client's connection. They bound what depends on the client alone,
// as stallTimeout does. Nothing bounds a whole request or its answer (ReadTimeout,
// WriteTimeout): bodies go as slowly as the link takes them, a long-poll and a link of
// 75 bit/s take what they take, and the Transport gives up a link that is dead.
const (
	headerTimeout = 30 * time.Second
	idleTimeout   = 3 * time.Minute
	maxHeader     = 64 << 10
)

// protocols are HTTP/1.1 and HTTP/2, the latter without TLS too for clients that know
// beforehand (RFC 9113 §3.3): a connection for each waiting request is then not
// needed.
func protocols() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return &p
}

// RunWeb serves h on the listeners, which it closes, until ctx ends or one of
// them fails. Then requests under way have grace to finish, and what is left is
// cut off. It returns when everything that it started has ended: nil after ctx.
func RunWeb(ctx context.Context, h http.Handler, grace time.Duration, log *slog.Logger, listeners ...net.Listener) error {
	handlers := gate{Handler: cutStalled(h)}
	server := &http.Server{
		Handler:           &handlers,
		Protocols:         protocols(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(logOrDiscard(log).Handler(), slog.LevelDebug),
	}
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { ended <- server.Serve(l) }()
	}
	var err error
	running := len(listeners)
	select {
	case <-ctx.Done():
	case err = <-ended:
		running--
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(stop) != nil {
		_ = server.Close()
	}
	for range running {
		<-ended
	}
	handlers.shut()
	return err
}

// gate knows when its handler is idle: http.Server cuts requests off when it is
// closed, but does not wait for them.
type gate struct {
	http.Handler

	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup
}

// ServeHTTP implements http.Handler. Nothing gets in once the gate is shut.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	g.inside.Add(1)
	g.mu.Unlock()
	defer g.inside.Done()
	g.Handler.ServeHTTP(w, r)
}

// shut waits until the last request has left.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}
