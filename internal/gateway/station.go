package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/integrity"
	"github.com/coapgw/coapgw/internal/plainudp"
)

// Station puts a Handler on a datagram socket: DTLS below, coap.Server above.
type Station struct {
	// Handler answers the requests, usually a *Serve. Unless it is a *Guard, one with
	// the options of Guard stands before it.
	Handler http.Handler
	// Guard says what passes to the Handler.
	Guard GuardOptions
	// Security says who may connect; nil serves coap:// without encryption.
	// Station sets its Profile, Slowest, MaxSessions, CheckPaths, Recover and Log.
	Security *dtls.Config
	// Stations, when set, takes the place of Security: a link without encryption on
	// which stations prove themselves. The Handler is a *ClearServe then.
	Stations *integrity.Config
	// Profile is the link of peers that do not tell theirs.
	Profile link.Profile
	// Slowest is the slowest link that a peer may tell; the zero value means every
	// one of link.Profiles.
	Slowest link.Profile
	// Version2 is what this end has of wire version 2; nil means version 1 alone.
	Version2 *coap.Version2
	// MaxBody bounds a request body, in bytes; 0 means 64 MiB.
	MaxBody int64
	// MaxSessions bounds the sessions held at once; 0 means 10,000.
	MaxSessions int
	// Grace is how long requests under way may take to finish when Run is to
	// stop; 0 means not at all.
	Grace time.Duration
	// Recover has a panic over what comes of the link end the session, and not the program.
	Recover bool
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
	// Recorder receives the events of all sessions; nil discards them.
	Recorder trace.Recorder

	server   atomic.Pointer[coap.Server]
	listener atomic.Pointer[dtls.Listener] // nil without Security
}

// StationLimits may change while a Station runs.
type StationLimits struct {
	// MaxBody is as in Station.
	MaxBody int64
	// Sessions bound those of Security; MaxSessions holds without it too, from the start only.
	Sessions dtls.Limits
}

// SetLimits changes the limits of a Station that runs, for sessions that are open too.
// Before Run it does nothing.
func (s *Station) SetLimits(l StationLimits) {
	if server := s.server.Load(); server != nil {
		server.SetMaxBody(l.MaxBody)
	}
	if listener := s.listener.Load(); listener != nil {
		listener.SetLimits(l.Sessions)
	}
}

// Status returns what is known of the sessions at the moment, and of those that did not come
// about; nothing before Run.
func (s *Station) Status() coap.Status {
	server := s.server.Load()
	if server == nil {
		return coap.Status{}
	}
	status := server.Status()
	if listener := s.listener.Load(); listener != nil {
		below := listener.Stats()
		status.Failed += below.Failed
		status.Refused += below.Refused + below.Evicted
		status.Displaced, status.Resting, status.Shaking = below.Displaced, below.Stored, below.HalfOpen
	}
	return status
}

// Run serves on pc, which it takes over, until ctx ends or the socket fails. It
// returns when everything that it started has ended: nil after ctx.
func (s *Station) Run(ctx context.Context, pc net.PacketConn) error {
	l, err := s.listen(pc)
	if err != nil {
		_ = pc.Close()
		return err
	}
	server := &coap.Server{
		Handler: s.guarded(),
		Profile: s.Profile,
		Bounds:  s.bounds(),
		// What stations may do, their Handler knows.
		NoTokens: s.Stations != nil,
		Version2: s.Version2,
		MaxBody:  s.MaxBody,
		// The listener bounds them, and has the one idle for longest give way.
		MaxSessions: math.MaxInt,
		StreamKey:   s.streamKey,
		Grace:       s.Grace,
		Recover:     s.Recover,
		Log:         s.Log,
		Recorder:    s.Recorder,
	}
	s.server.Store(server)
	return server.Serve(ctx, l)
}

// streamKey is coap.Server.StreamKey: what the pre-shared key of an identity gives.
func (s *Station) streamKey(identity string) []byte {
	if s.Security == nil || s.Security.Keys == nil {
		return nil
	}
	key, ok := s.Security.Keys(identity)
	if !ok {
		return nil
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte("coapgw room stream"))
	return m.Sum(nil)
}

// guarded is the Handler behind a Guard.
func (s *Station) guarded() http.Handler {
	if _, is := s.Handler.(*Guard); is {
		return s.Handler
	}
	o := s.Guard
	if o.Log == nil {
		o.Log = s.Log
	}
	return NewGuard(s.Handler, o)
}

func (s *Station) bounds() link.Bounds {
	if s.Slowest.AckTimeout == 0 {
		return link.DefaultBounds()
	}
	return link.BoundsOf(s.Slowest)
}

func (s *Station) listen(pc net.PacketConn) (net.Listener, error) {
	switch {
	case s.Stations != nil:
		cfg := *s.Stations
		cfg.Log = s.Log
		return integrity.Listen(pc, cfg)
	case s.Security == nil:
		return plainudp.Listen(pc, s.MaxSessions), nil
	}
	cfg := *s.Security
	cfg.Profile, cfg.Slowest, cfg.MaxSessions, cfg.Log = s.Profile, s.Slowest, s.MaxSessions, s.Log
	cfg.Profile.MTU = dtls.HandshakeMTU(s.Profile)
	if len(cfg.Certificates) > 0 {
		cfg.Slowest.FlightInterval = max(cfg.Slowest.FlightInterval, slowestCertificate(s.Slowest))
	}
	cfg.CheckPaths = true // coap.Server checks them
	cfg.Recover = s.Recover
	l, err := dtls.Listen(pc, cfg)
	if err != nil {
		return nil, err // not l, which would be a nil *dtls.Listener in an interface
	}
	s.listener.Store(l)
	return l, nil
}
