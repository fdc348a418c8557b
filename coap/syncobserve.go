package coap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/observe"
)

// pollTimeout is how long the homeserver is asked to hold a poll for an observer.
const pollTimeout = 30 * time.Second

// isSync reports whether a request may be observed.
func isSync(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	switch r.URL.Path {
	case "/_matrix/client/r0/sync", "/_matrix/client/v3/sync":
		return true
	}
	return false
}

// observe answers a /sync and lets the peer observe what follows (RFC 7641).
func (s *serverSession) observe(r *endpoint.Request, req *http.Request, asked admission) *endpoint.Response {
	to := asked.audience
	a, problem := s.call(req)
	if problem != nil {
		return s.failure(problem, to)
	}
	told := &observe.Told{}
	first, said, err := s.update(&a, told)
	told.Learn(said) // by this answer
	resp := s.tagged(s.respond(a, to), r.BlockSize())
	if err != nil || first.Final || resp.Code.Class() != 2 {
		return resp // an answer like any other, and no observation
	}
	if !s.begin() {
		_ = closeBody(resp.Body)
		return s.failure(errBusy(), to)
	}
	o, err := r.StartObservation()
	if err != nil {
		s.running.Done()
		return resp // an answer like any other: the client polls again
	}
	peer, _ := PeerFrom(req.Context())
	req = req.WithContext(context.WithValue(s.life, peerKey{}, peer))
	go func() {
		defer s.running.Done()
		defer o.End()
		err := observe.Follow(req.Context(), o, first, func(ctx context.Context, since string) (observe.Update, error) {
			a, problem := s.call(continued(ctx, req, since))
			switch {
			case problem != nil:
				return observe.Update{}, problem
			case a.status >= 500 || a.status == http.StatusTooManyRequests:
				_ = closeBody(a.body)
				return observe.Update{}, errors.New("the homeserver answered " + strconv.Itoa(a.status))
			}
			u, said, err := s.update(&a, told)
			u.Respond = func() (*endpoint.Response, func(bool)) {
				to, done := asked.notification(since, s.link.Load().profile.BlockSize)
				return s.tagged(s.respond(a, to), r.BlockSize()), func(acknowledged bool) {
					if acknowledged {
						told.Learn(said)
					}
					done(acknowledged)
				}
			}
			if err != nil {
				_ = closeBody(a.body)
			}
			return u, err
		})
		s.log.Debug("observation ends", "peer", s.peer.Identity, "err", err)
	}()
	return resp
}

// update reads from an answer to /sync how the observation goes on, of which the observer was
// told what told says. What the observer has learnt once it has the answer is said. An error means that the observation cannot go on from this answer.
func (s *serverSession) update(a *answer, told *observe.Told) (u observe.Update, said observe.Facts, err error) {
	if a.status != http.StatusOK {
		return observe.Update{Final: true}, nil, nil
	}
	body, state, err := s.readSync(a)
	if err != nil {
		return observe.Update{}, nil, err
	}
	said, repeats := told.Repeats(body)
	return observe.Update{
		NextBatch: state.nextBatch, Counts: state.counts, Empty: repeats, Own: !repeats && observe.OwnOnly(body),
	}, said, nil
}

// tagged gives a response that takes several blocks an entity-tag: those of a
// notification are fetched one by one, and it keeps them from being taken for those of
// the next one (RFC 7959 §2.4, §3.4). asked is the block size that the observer wants.
func (s *serverSession) tagged(resp *endpoint.Response, asked int) *endpoint.Response {
	if resp.Size > int64(min(s.link.Load().profile.BlockSize, asked)) {
		resp.Options = resp.Options.AddUint(endpoint.ETag, s.nextTag())
	}
	return resp
}

// readSync reads an answer to /sync, whose body stays readable.
func (s *serverSession) readSync(a *answer) (body []byte, state syncState, err error) {
	if a.body == nil {
		return nil, state, errNoNextBatch
	}
	body, rest, err := readUpTo(a.body, a.size, s.mapping().maxJSON)
	switch {
	case err != nil:
		return nil, state, err
	case rest != nil:
		a.body = rest
		return nil, state, errors.New("the /sync answer is larger than the gateway converts")
	}
	_ = closeBody(a.body)
	a.body, a.size = bytes.NewReader(body), int64(len(body))
	state, err = inspectSync(body)
	return body, state, err
}

var errNoNextBatch = errors.New("a /sync answer without next_batch")

// nextTag numbers the notifications of a session that take several blocks.
func (s *serverSession) nextTag() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tag = s.tag%maxTag + 1
	return s.tag
}

// maxTag keeps an entity-tag within one byte: only neighbours must differ.
const maxTag = 255

// syncState is what the gateway reads in an answer to /sync.
type syncState struct {
	nextBatch string
	// counts are a digest of the key counts, which stand in every answer; empty where there
	// are none.
	counts string
}

// countsDigest is the length of a digest of key counts, in bytes.
const countsDigest = 8

func inspectSync(body []byte) (syncState, error) {
	g, ok := observe.GistOf(body)
	if !ok {
		return syncState{}, errNoNextBatch
	}
	s := syncState{nextBatch: g.NextBatch}
	if g.Counts != "" {
		digest := sha256.Sum256([]byte(g.Counts))
		s.counts = string(digest[:countsDigest])
	}
	return s, nil
}

// continued is the /sync that follows up to since: the same request with since and
// timeout replaced.
func continued(ctx context.Context, r *http.Request, since string) *http.Request {
	next := r.Clone(ctx)
	var args []string
	for arg := range strings.SplitSeq(r.URL.RawQuery, "&") {
		switch key, _, _ := strings.Cut(arg, "="); key {
		case "", "since", "timeout", "full_state":
		default:
			args = append(args, arg)
		}
	}
	args = append(args, "since="+url.QueryEscape(since), "timeout="+strconv.FormatInt(pollTimeout.Milliseconds(), 10))
	next.URL.RawQuery = strings.Join(args, "&")
	next.RequestURI = next.URL.RequestURI()
	return next
}
