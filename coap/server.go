package coap

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
)

// Server hosts an http.Handler behind CoAP sessions. Its exported fields must not
// change after Serve.
type Server struct {
	// Handler answers the requests. A request's context tells the peer by
	// PeerFrom and ends when the peer gives up; its Authorization header is the
	// access token that the request bears by the rules of the link.
	Handler http.Handler
	// Profile is the link of peers that do not tell theirs; the zero value means
	// link.Default.
	Profile link.Profile
	// NoTokens is for peers that must not send access tokens, because everyone can
	// read the link: no request bears one, those with option 256 are answered 4.02, and those
	// with an Authorization header 4.03.
	NoTokens bool
	// Version2 is what this end has of wire version 2; nil means version 1 alone.
	Version2 *Version2
	// Bounds is what is granted of the links that peers tell; the zero value means
	// link.DefaultBounds.
	Bounds link.Bounds
	// MaxBody bounds a request body, in bytes; more is answered 4.13. It also bounds
	// what all bodies of one session that are converted take together, while they are being
	// received and then as JSON, until their requests are answered; what those of all sessions
	// take as JSON beyond 1 MiB each is bounded by four times as much. More is answered 5.03,
	// but for a body that is the only one. 0 means 64 MiB.
	MaxBody int64
	// MaxSessions bounds the sessions held at once; further ones are closed, or left to
	// the store where they are in one. 0 means 10,000. A listener that ends old sessions
	// in favour of new ones has a lower bound of its own: a session counts until all that
	// it had under way has ended.
	MaxSessions int
	// MaxRequests bounds the requests that one session has served at once; more
	// are answered 5.03. 0 means 64.
	MaxRequests int
	// Grace is how long Serve lets requests finish once its context has ended; 0
	// means not at all. Long-polls end at once on sessions that go on when the server is
	// back: their clients ask it again.
	Grace time.Duration
	// StreamKey returns a secret that belongs to the identity of a peer and lasts as long as
	// that, of which the marks in room streams are made (docs/wire-v1.md): so a client finds
	// its place again with another access token. Where it is nil or returns nothing, the
	// access token is used.
	StreamKey func(identity string) []byte
	// Recover has a panic over what comes of the link end the session, and not the program.
	Recover bool
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
	// Recorder receives the events of all sessions; nil discards them.
	Recorder trace.Recorder

	book   book
	bodies bodyLimit // see SetMaxBody
}

const defaultMaxSessions = 10_000

// Serve accepts sessions until ctx ends or the listener fails, then ends them. It
// returns when everything that it started has ended: nil after ctx, the
// listener's error otherwise. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	run := &serving{Server: s, bounds: s.Bounds, log: s.Log, sessions: make(map[*endpoint.Conn]*serverSession), conversions: newConversions()}
	if run.log == nil {
		run.log = slog.New(slog.DiscardHandler)
	}
	if run.bounds == (link.Bounds{}) {
		run.bounds = link.DefaultBounds()
	}
	profile := s.Profile
	if profile.AckTimeout == 0 {
		profile = link.Default()
	}
	run.link = newServerLink(profile, NewMapping(MappingConfig{Profile: profile, Side: endpoint.SideFar}))
	run.life, run.end = context.WithCancel(context.Background())
	var ended sync.WaitGroup
	rouser, rouses := l.(rouser)
	run.rouses = rouses
	accepted := make(chan error, 1)
	go func() { accepted <- run.accept(l, &ended) }()
	if rouses { // those who observe would wait in vain
		rouser.Rouse(observed)
	}
	var err error
	select {
	case err = <-accepted:
		run.stop()
		run.refuse()
		_ = l.Close()
	case <-ctx.Done():
		run.stop()
		run.drain(l)
		run.refuse()
		_ = l.Close() // not before: a listener may take its sessions with it
		<-accepted
	}
	run.closeAll()
	ended.Wait()
	run.running.Wait()
	return err
}
