package mobile

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/coapgw/coapgw/internal/gateway"
)

// Start listens for HTTP on the loopback interface and returns the URL to be given to a Matrix
// SDK as its homeserver, without a final slash: "http://127.0.0.1:40123/" and a secret. Other
// apps on the device can connect, but do not know the secret; without it everything is 404. A
// gateway that was started returns the same URL again. It fails with ErrorListen, or while the
// gateway sleeps.
//
// The URL lives until Stop, Close, or a Resume that fails with ErrorListen. Whoever finds the
// port free after that may take it: an SDK must have stopped before.
func (g *Gateway) Start() (string, error) {
	g.life.Lock()
	defer g.life.Unlock()
	switch g.now() {
	case closed:
		return "", explain(errClosed)
	case asleep:
		return "", explain(errSuspended)
	}
	if g.local == nil {
		l, err := newLocal(g)
		if err != nil {
			return "", err
		}
		g.local = l
	}
	return g.local.url.String(), nil
}

// Stop ends what Start began, with the requests that came by it. It does nothing where there
// is nothing to stop.
func (g *Gateway) Stop() {
	g.life.Lock()
	defer g.life.Unlock()
	g.local.stop()
	g.local = nil
}

// local is the endpoint for a Matrix SDK in the same app. A nil one does nothing.
type local struct {
	url     url.URL
	handler http.Handler
	log     *slog.Logger
	// drops: the system takes the listening socket away from an app that sleeps.
	drops bool

	held  *held // nil while it is closed
	end   context.CancelFunc
	ended chan error
}

func newLocal(g *Gateway) (*local, error) {
	secret := g.config.secret
	if secret == "" {
		b := make([]byte, 16)
		rand.Read(b) // never fails
		secret = base64.RawURLEncoding.EncodeToString(b)
	}
	l := &local{log: g.log, drops: dropsListener || g.config.dropsListener}
	if err := l.listen(uint16(g.config.Port)); err != nil {
		return nil, err
	}
	l.url = url.URL{Scheme: "http", Host: l.held.Addr().String(), Path: "/" + secret}
	connect := gateway.NewConnect(gateway.ConnectOptions{Transport: carrier{g}, Advertise: &l.url, Log: g.log})
	l.handler = guarded(secret, g, connect)
	l.run()
	return l, nil
}

// guarded lets requests through whose path begins with the secret, which it takes away.
func guarded(secret string, g *Gateway, h http.Handler) http.Handler {
	stripped := http.StripPrefix("/"+secret, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
		if subtle.ConstantTimeCompare([]byte(first), []byte(secret)) != 1 {
			http.NotFound(w, r)
			return
		}
		if g.now() == asleep {
			w.Header().Set("Connection", "close") // an idle connection has a timer
		}
		stripped.ServeHTTP(w, r)
	})
}

// listen opens the socket.
func (l *local) listen(port uint16) error {
	tcp, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)))
	if err != nil {
		return failure(ErrorListen, "%w", err)
	}
	l.held = &held{TCPListener: tcp}
	return nil
}

// run serves the socket until cut.
func (l *local) run() {
	ctx, end := context.WithCancel(context.Background())
	l.end, l.ended = end, make(chan error, 1)
	l.held.open()
	go func(h *held, ended chan error) { ended <- gateway.RunWeb(ctx, l.handler, lastWords, l.log, h) }(l.held, l.ended)
}

// lastWords is how long an answer may take to reach an SDK that is to hear that the gateway
// falls asleep. It is near.
const lastWords = time.Second

// cut ends all connections, and returns when nothing runs any more. The socket stays.
func (l *local) cut() {
	l.end()
	if err := <-l.ended; err != nil {
		l.log.Warn("the local endpoint had failed", "err", err)
	}
}

// stop ends it for good.
func (l *local) stop() {
	if l == nil || l.held == nil {
		return
	}
	l.cut()
	l.held.release()
	l.held = nil
}

// sleep ends all connections. While the gateway sleeps it is answered here that it does, since
// nobody else may get hold of the port: an SDK that is awake would tell its token there. Where
// the system takes the socket away, the whole app sleeps.
func (l *local) sleep() {
	if l == nil {
		return
	}
	if l.drops {
		l.stop()
		return
	}
	l.cut()
	l.run()
}

// wake goes on where sleep left off.
func (l *local) wake() error {
	if l == nil || !l.drops {
		return nil
	}
	addr, err := netip.ParseAddrPort(l.url.Host)
	if err == nil {
		err = l.listen(addr.Port())
	}
	if err != nil {
		return err
	}
	l.run()
	return nil
}

// held is a listening socket that outlives the servers on it: Close makes Accept fail, and
// leaves the port taken.
type held struct {
	*net.TCPListener
}

// Close implements net.Listener.
func (h *held) Close() error {
	err := h.SetDeadline(time.Unix(1, 0))
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// open lets Accept succeed again.
func (h *held) open() { _ = h.SetDeadline(time.Time{}) }

// release gives the port up.
func (h *held) release() { _ = h.TCPListener.Close() }
