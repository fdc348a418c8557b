package gateway

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/internal/config"
)

// Version2 is what cfg asks for of wire version 2, nil for nothing. home is the
// homeserver's name for the homeserver's side, nil for the client's.
func Version2(cfg config.Wire, home func() string) (*coap.Version2, error) {
	if cfg.Version < 2 {
		return nil, nil
	}
	workers := runtime.GOMAXPROCS(0)
	if cfg.Device != config.ServerDevice { // memory is dearer there than a wait
		workers = 1
	}
	format, err := wire2.ShippedFor(classes[cfg.Device], workers)
	if err != nil {
		return nil, fmt.Errorf("the model in this program: %w", err)
	}
	v := &coap.Version2{
		Format: format, Home: home, Entries: cfg.Entries, Class: classes[cfg.Device],
		Padding: cfg.Padding, Apart: cfg.RoomsApart,
	}
	if cfg.Entries == 0 {
		v.Entries = -1
	}
	return v, nil
}

var classes = map[string]coder.Class{
	config.ServerDevice:          coder.Server,
	config.HandheldDevice:        coder.Handheld,
	config.MicrocontrollerDevice: coder.Microcontroller,
}

// HomeName finds out what a homeserver calls itself.
type HomeName struct {
	// Roots returns whom an https homeserver's certificate must be signed by at the time, as
	// in ServeOptions; nil stands for one that returns nil.
	Roots func() *x509.CertPool

	name atomic.Pointer[string]
}

// NewHomeName returns the name that is configured, or one that Ask is to find out when
// that is empty.
func NewHomeName(configured string) *HomeName {
	h := &HomeName{}
	h.name.Store(&configured)
	return h
}

// Name is the homeserver's name, empty as long as it is not known.
func (h *HomeName) Name() string { return *h.name.Load() }

const (
	// askTimeout bounds one question, and the pauses between two double from the first
	// to the last.
	askTimeout   = 10 * time.Second
	firstAskWait = time.Second
	lastAskWait  = 5 * time.Minute
	// maxServerName is what the Matrix specification allows, in bytes.
	maxServerName = 230
)

// errNoName says that a homeserver does not tell its name where clients reach it.
var errNoName = errors.New("no server_name in /_matrix/key/v2/server")

// Ask asks the homeserver for its name until it is known or ctx ends. Where the homeserver
// has no answer the name stays empty, which costs bytes and nothing else.
func (h *HomeName) Ask(ctx context.Context, homeserver *url.URL, log *slog.Logger) {
	for wait := firstAskWait; h.Name() == ""; wait = min(2*wait, lastAskWait) {
		name, err := askName(ctx, homeserver, h.roots())
		switch {
		case err == nil:
			h.name.Store(&name)
			log.Info("the homeserver", "name", name)
			return
		case errors.Is(err, errNoName):
			log.Info("the homeserver does not tell its name; --server-name makes messages shorter")
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (h *HomeName) roots() *x509.CertPool {
	if h.Roots == nil {
		return nil
	}
	return h.Roots()
}

// askName reads the name in the homeserver's published keys (Matrix server-server API,
// "Publishing Keys"). A redirection is not followed: it would lead to another host.
func askName(ctx context.Context, homeserver *url.URL, roots *x509.CertPool) (string, error) {
	transport := newTransport(ServeOptions{RootCAs: roots})
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, homeserver.JoinPath("/_matrix/key/v2/server").String(), nil)
	if err != nil {
		return "", err
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 500 {
		return "", fmt.Errorf("the homeserver answered %d", resp.StatusCode)
	}
	var keys struct {
		ServerName string `json:"server_name"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&keys)
	if err != nil || resp.StatusCode != http.StatusOK || keys.ServerName == "" || len(keys.ServerName) > maxServerName {
		return "", errNoName
	}
	return keys.ServerName, nil
}
