package checkup

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/coapgw/coapgw/internal/gateway"
)

const (
	// askTimeout bounds one question.
	askTimeout = 10 * time.Second
	// maxSkew is how far two clocks may be apart.
	maxSkew = 2 * time.Minute
)

// Homeserver asks a homeserver for its versions, as serve will ask it, and looks at its clock.
// For roots see gateway.Probe.
func Homeserver(ctx context.Context, base *url.URL, roots *x509.CertPool) []Finding {
	const thing = "homeserver"
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	said, err := gateway.Probe(ctx, base, roots)
	var other *gateway.NotHomeserverError
	switch {
	case errors.As(err, &other):
		return []Finding{wrong(thing, "%s: %v", base, err)}
	case err != nil:
		return []Finding{wrong(thing, "%s does not answer (%v): is it running, and is this its address?", base, err)}
	}
	found := []Finding{fine(thing, "%s speaks Matrix up to %s", base, said.Version)}
	if base.Scheme == "http" && !onThisMachine(base.Hostname()) {
		found = append(found, look(thing, "over http the network between here and %s sees passwords and access tokens: use https, unless it is yours alone", base.Hostname()))
	}
	if !said.Date.IsZero() {
		found = append(found, clockBeside(said.Date, time.Now()))
	}
	return found
}

// onThisMachine reports whether a name or an address is that of loopback.
func onThisMachine(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}

func clockBeside(there, here time.Time) Finding {
	const thing = "clock"
	if apart := here.Sub(there).Abs().Round(time.Second); apart > maxSkew {
		return look(thing, "this machine and the homeserver are %s apart: set both by NTP", apart)
	}
	return fine(thing, "agrees with the homeserver's")
}

// Clock looks whether the time can be true: not before the program was built.
func Clock(now, built time.Time) Finding {
	if now.Before(built) {
		return wrong("clock", "it is %s here, which was before this program was made: set the clock", now.Format(time.DateTime))
	}
	return fine("clock", "%s", now.UTC().Format(time.DateTime+" MST"))
}

// UDP looks whether an address can be listened on.
func UDP(ctx context.Context, thing, address string) Finding {
	c, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", address)
	return bound(thing, "UDP "+address, c, err)
}

// TCP looks whether an address can be listened on.
func TCP(ctx context.Context, thing, address string) Finding {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	return bound(thing, "TCP "+address, l, err)
}

func bound(thing, address string, c io.Closer, err error) Finding {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return look(thing, "%s is in use: fine if that is coapgw itself; else stop the other program or take another port", address)
	case errors.Is(err, syscall.EACCES):
		return wrong(thing, "%s is not for this user: take a port from 1024 on, or let the service manager permit it", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return wrong(thing, "%s is no address of this machine", address)
	case err != nil:
		return wrong(thing, "%v", err)
	}
	if err := c.Close(); err != nil {
		return wrong(thing, "%v", err)
	}
	return fine(thing, "%s is free", address)
}

// Server looks whether the names of a server are known; it sends the server nothing.
func Server(ctx context.Context, thing string, addresses []string) Finding {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	routes, err := gateway.UDPRoutes(addresses...)(ctx)
	if err != nil {
		return wrong(thing, "%v: is the name right, and does this machine find names?", err)
	}
	found := make([]string, len(routes))
	for i, r := range routes {
		found[i] = fmt.Sprint(r.Peer)
	}
	return fine(thing, "at %s", strings.Join(found, ", "))
}
