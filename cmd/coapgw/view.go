package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/outbox"
	"github.com/coapgw/coapgw/coap/policy"
	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/trace"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/status"
)

// view is what an operator sees of a running end: its metrics, the events of its sessions
// and the status page.
type view struct {
	log     *slog.Logger
	page    config.Page
	options status.Options
	meter   status.Meter
	// handshakes are those of both roles, to be set in what secures the link.
	handshakes dtls.Meter
	metrics    exporter
	events     *events
	access     access
	handler    *status.Handler // nil before start, and without a page
}

// access is who sees the page.
type access struct {
	token string                  // empty for none
	cert  *gateway.WebCertificate // nil without TLS
}

// readAccess reads what a page needs that others are to see.
func readAccess(page config.Page) (a access, err error) {
	if page.TokenFile != "" {
		if a.token, err = pageToken(page.TokenFile); err != nil {
			return a, err
		}
	}
	if page.Cert != "" {
		a.cert, err = gateway.NewWebCertificate(page.Cert, page.Key)
	}
	return a, err
}

// newView returns the view of an end; sessions tells of its sessions, and waiting, which may
// be nil, is its outbox. The account of the day is in store, which may be nil.
func newView(role status.Role, page config.Page, access access, profile link.Profile, sessions func() coap.Status, waiting *outbox.Transport, store session.Store, log *operatorLog) *view {
	v := &view{log: log.Logger, page: page, access: access, events: newEvents(page.TraceFile, log.each)}
	v.options = status.Options{
		Outside: outside(&v.handshakes, profile, role == status.Connect), Store: store, Log: log.Logger,
		Role: role, Version: cmp.Or(readBuild().Version, "unknown"), Link: profile, Status: sessions, Meter: &v.meter,
		Problems: log.problems, Hosts: page.Hosts, Token: access.token,
	}
	if waiting != nil {
		v.options.Outbox = func() status.Outbox { return queue(waiting.Snapshot(), time.Now()) }
		v.options.Actions.Flush = func(context.Context) error {
			waiting.LinkWorks()
			return nil
		}
	}
	v.metrics = newExporter(v.options, waiting)
	v.options.Metrics = v.metrics.handler()
	return v
}

// controls lets the page show and hold up what a policy withholds.
func (v *view) controls(p *policy.Transport) {
	v.options.Chatter = func() status.Chatter {
		c := p.Counts()
		return status.Chatter{Paused: c.Paused, Answered: c.Answered, Merged: c.Merged, Dropped: c.Dropped}
	}
	v.options.Actions.PauseChatter = func(_ context.Context, paused bool) error {
		p.Pause(paused)
		return nil
	}
	links := v.options.Actions.Flush
	v.options.Actions.Flush = func(ctx context.Context) error {
		p.Flush(ctx)
		if links != nil {
			return links(ctx)
		}
		return nil
	}
}

// queue is what the page shows of an outbox.
func queue(s outbox.Snapshot, now time.Time) status.Outbox {
	o := status.Outbox{Waiting: s.Queued, Bytes: int64(s.Bytes), Full: s.Queued >= maxWaiting}
	if s.Queued > 0 {
		o.Oldest = now.Add(-s.Oldest)
	}
	return o
}

// recorder receives the events of sessions.
func (v *view) recorder() trace.Recorder { return trace.Tee(v.metrics.recorder(), &v.events.log) }

// counted counts what h is asked.
func (v *view) counted(h http.Handler) http.Handler { return v.metrics.counted(v.meter.Handler(h)) }

// start serves the page until stop is called, and until then heeds the signal that switches
// the trace. Where the page's address cannot be had, without says whether to go on without it.
func (v *view) start(ctx context.Context, without func(error) bool) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { v.events.heed(ctx) })
	stop = func() {
		cancel()
		running.Wait()
	}
	if v.page.Listen == "" {
		return stop, nil
	}
	l, scheme, err := v.listen(ctx)
	switch {
	case err != nil && without(err):
		v.log.Warn("no status page; give another address with --status-listen", "error", err)
		return stop, nil
	case err != nil:
		stop()
		return nil, err
	}
	v.handler = status.New(v.options)
	running.Go(func() { v.handler.Run(ctx) })
	running.Go(func() {
		if err := gateway.RunWeb(ctx, v.handler, pageGrace, v.log, l); err != nil {
			v.log.Error("the status page ended", "error", err)
		}
	})
	v.log.Info("status page", "url", scheme+"://"+l.Addr().String()+"/")
	return stop, nil
}

// taken has start go on without the page where another program has its address and nobody has
// asked for that one: it is as by default.
func (v *view) taken(byDefault string) (without func(error) bool) {
	return func(err error) bool { return errors.Is(err, syscall.EADDRINUSE) && v.page.Listen == byDefault }
}

// pageGrace is how long answers of the page may take to finish at the end.
const pageGrace = time.Second

// listen opens the page's address.
func (v *view) listen(ctx context.Context) (l net.Listener, scheme string, err error) {
	if v.access.cert == nil {
		l, err = gateway.ListenWeb(ctx, v.page.Listen, false)
		return l, "http", err
	}
	l, err = gateway.ListenWebTLS(ctx, v.page.Listen, v.access.cert)
	return l, "https", err
}

// minPageToken is the least length of a token that is not guessed, in characters.
const minPageToken = 16

func pageToken(name string) (string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if len(token) < minPageToken {
		return "", fmt.Errorf("%s: the token is shorter than %d characters", name, minPageToken)
	}
	return token, nil
}

// reload reads the page's token and certificate again. What is wrong with one of them leaves
// that as it is. It does nothing before start.
func (v *view) reload(page config.Page) error {
	if v.handler == nil {
		return nil
	}
	var token string
	var err error
	if page.TokenFile != "" {
		token, err = pageToken(page.TokenFile)
	}
	if err == nil {
		v.handler.SetToken(token)
	}
	if v.access.cert != nil && page.Cert != "" {
		err = errors.Join(err, v.access.cert.Reload(page.Cert, page.Key))
	}
	return err
}

// sessionOpens says why a client's side is of no use: no session could be opened.
func sessionOpens(sessions func() coap.Status) func(context.Context) error {
	return func(context.Context) error {
		if s := sessions(); len(s.Sessions) == 0 && s.Failing {
			return errors.New("no session could be opened")
		}
		return nil
	}
}
