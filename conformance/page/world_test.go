package page

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/status"
)

// world is a gateway that only says what it would do.
type world struct {
	*httptest.Server
	mu     sync.Mutex
	status coap.Status
	now    time.Time
	paused bool
	done   []string
	fails  bool
}

func (w *world) set(f func(*coap.Status)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.status)
}

func (w *world) did() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.done...)
}

func (w *world) do(what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails {
		return errors.New("no")
	}
	w.done = append(w.done, what)
	return nil
}

// newWorld serves the page of a role.
func newWorld(t *testing.T, role status.Role, s coap.Status) *world {
	t.Helper()
	w := &world{now: noon}
	profile, _ := link.ByName("hf-vara500")
	problems := status.NewProblems()
	log := slog.New(problems.Handler(slog.DiscardHandler))
	meter := &status.Meter{}
	o := status.Options{
		Role: role, Version: "1.4.0", Link: profile,
		Status: func() coap.Status {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.status
		},
		Meter: meter, Problems: problems, Now: w.clock,
		Outside: func() (sent, received endpoint.Traffic) {
			return endpoint.Traffic{Datagrams: 2, LinkBytes: 282}, endpoint.Traffic{Datagrams: 2, LinkBytes: 287}
		},
	}
	if role == status.Connect {
		record(log, noon.Add(-26*time.Minute), slog.LevelWarn, "request failed", "method", "GET", "status", 504, "error", "the peer did not answer")
		record(log, noon.Add(-25*time.Minute), slog.LevelWarn, "no session with the peer", "err", "dtls: handshake timeout")
		record(log, noon.Add(-24*time.Minute), slog.LevelWarn, "no session with the peer", "err", "dtls: handshake timeout")
		o.Outbox = func() status.Outbox {
			return status.Outbox{Waiting: 2, Bytes: 812, Oldest: noon.Add(-4 * time.Minute)}
		}
		o.Chatter = func() status.Chatter {
			w.mu.Lock()
			defer w.mu.Unlock()
			return status.Chatter{Paused: w.paused, Answered: 214, Merged: 31, Dropped: 12}
		}
		o.Actions = status.Actions{
			PauseChatter: func(_ context.Context, paused bool) error {
				if err := w.do(map[bool]string{true: "pause", false: "resume"}[paused]); err != nil {
					return err
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				w.paused = paused
				return nil
			},
			Flush:       func(context.Context) error { return w.do("flush") },
			Rehandshake: func(context.Context) error { return w.do("rehandshake") },
		}
	} else {
		record(log, noon.Add(-3*time.Hour), slog.LevelWarn, "too many sessions", "limit", 10000)
		record(log, noon.Add(-40*time.Second), slog.LevelError, "homeserver did not answer", "method", "GET", "error", "dial tcp 127.0.0.1:8008: connect: connection refused")
	}
	h := status.New(o)
	w.live(h, meter, s)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { h.Run(ctx) })
	w.Server = httptest.NewServer(h)
	t.Cleanup(func() {
		w.Close()
		cancel()
		running.Wait()
	})
	return w
}

// record logs something that happened then.
func record(log *slog.Logger, at time.Time, l slog.Level, message string, args ...any) {
	r := slog.NewRecord(at, l, message, 0)
	r.Add(args...)
	_ = log.Handler().Handle(context.Background(), r)
}

// noon is when the pages are looked at.
var noon = time.Date(2026, 3, 14, 14, 32, 6, 0, time.Local)

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// live lets an hour pass in which the counters come to what s says, more in some minutes
// than in others.
func (w *world) live(h *status.Handler, m *status.Meter, s coap.Status) {
	exchange := func(size int) {
		m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, size))
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	for range s.Total.Requests.Messages {
		exchange(128)
	}
	exchange(int(s.Total.Responses.Plain))
	const minutes = 58
	weight := func(i int) float64 {
		if i%13 < 4 {
			return 0
		}
		return float64(1 + i*i%7)
	}
	var sum, so float64
	for i := range minutes {
		sum += weight(i)
	}
	for i := range minutes {
		so += weight(i)
		sent, received := uint64(so/sum*float64(s.Total.Sent.LinkBytes)), uint64(so/sum*float64(s.Total.Received.LinkBytes))
		w.mu.Lock()
		w.now = noon.Add(time.Duration(i-minutes) * time.Minute)
		w.status = coap.Status{}
		w.status.Total.Sent.LinkBytes = sent
		w.status.Total.Received.LinkBytes = received
		w.mu.Unlock()
		r := httptest.NewRequest("GET", "http://localhost/status.json", nil)
		h.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}))))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now, w.status = noon, s
}

func named(method, path string) coap.RequestName {
	return coap.RequestName{Method: method, Path: path, Route: coap.Route(method, path)}
}

// busy is a client's link in the middle of two transfers.
func busy() coap.Status {
	now := noon
	traffic := func(datagrams, bytes uint64, airtime time.Duration) endpoint.Traffic {
		return endpoint.Traffic{Datagrams: datagrams, Bytes: bytes, LinkBytes: bytes + 57*datagrams, Airtime: airtime}
	}
	total := coap.Totals{
		Sent: traffic(96, 3_840, 4*time.Minute), Received: traffic(118, 9_960, 8*time.Minute), Retransmissions: 7,
		Requests: coap.Content{Messages: 90, Plain: 14_200, Coded: 2_100}, Responses: coap.Content{Messages: 90, Plain: 52_000, Coded: 9_400},
	}
	const (
		sync  = "/_matrix/client/v3/sync"
		room  = "/_matrix/client/v3/rooms/%21kitchen%3Aboat.example"
		media = "/_matrix/media/v3/upload"
	)
	return coap.Status{
		Since: now.Add(-5 * time.Hour), Opened: 2, Resumed: 1, Total: total, UnderWay: 3,
		Requests: []coap.RequestStatus{
			{RequestName: named("GET", sync), Began: now.Add(-154 * time.Second)},
			{RequestName: named("POST", media), Began: now.Add(-95 * time.Second)},
			{RequestName: named("PUT", room+"/send/m.room.message/t17"), Began: now.Add(-8 * time.Second)},
		},
		Sessions: []coap.SessionStatus{{
			Number: 2, Address: "198.51.100.7:5684", Began: now.Add(-3 * time.Hour), Peer: coap.PeerGateway, Version: 2, Format: "a1b2",
			Stats: endpoint.Stats{
				Profile: "hf-vara500", Sent: total.Sent, Received: total.Received, Retransmissions: 7,
				LossSent: 0.06, LossReceived: 0.021, Outstanding: 1, Waiting: 1, Queued: 2, Requests: 3, Observations: 1,
				RoundTrip: endpoint.RoundTrip{Smoothed: 9200 * time.Millisecond, Least: 6800 * time.Millisecond, Samples: 40},
				Heard:     now.Add(-4 * time.Second),
			},
			Transfers: []coap.TransferStatus{
				{RequestName: named("GET", sync), Transfer: endpoint.Transfer{Began: now.Add(-150 * time.Second), Done: 4_096, Total: 26_871, Rate: 31, Left: 735 * time.Second}},
				{RequestName: named("POST", media), Transfer: endpoint.Transfer{Sending: true, Began: now.Add(-90 * time.Second), Done: 1_792, Total: 2_300, Rate: 24, Left: 21 * time.Second}},
			},
		}},
	}
}

// served is a server with some clients.
func served() coap.Status {
	now := noon
	s := coap.Status{Since: now.Add(-26 * time.Hour), Opened: 4, Resumed: 2, UnderWay: 1}
	s.Total.Requests, s.Total.Responses = coap.Content{Messages: 2_600, Plain: 390_000, Coded: 61_000}, coap.Content{Messages: 2_600, Plain: 1_810_000, Coded: 310_000}
	for i, c := range []struct {
		who, link     string
		peer          coap.PeerKind
		version       int
		trip          time.Duration
		loss          float64
		heard         time.Duration
		sent, receive uint64
	}{
		{"boat", "hf-vara500", coap.PeerGateway, 2, 9 * time.Second, 0.06, 4 * time.Second, 184_000, 61_000},
		{"cabin", "iridium-2400", coap.PeerGateway, 2, 1700 * time.Millisecond, 0.011, 3 * time.Minute, 96_400, 28_100},
		{"buoy-7", "nbiot-ce2", coap.PeerForeign, 1, 3100 * time.Millisecond, -1, 41 * time.Minute, 8_200, 5_100},
	} {
		up, down := endpoint.Traffic{Datagrams: c.receive / 90, LinkBytes: c.receive}, endpoint.Traffic{Datagrams: c.sent / 300, LinkBytes: c.sent}
		one := coap.SessionStatus{
			Number: uint64(i + 1), Identity: c.who, Address: "203.0.113." + string(rune('1'+i)) + ":49152", Peer: c.peer, Version: c.version,
			Stats: endpoint.Stats{
				Profile: c.link, Sent: down, Received: up, LossSent: c.loss, LossReceived: -1, Observers: 1, Heard: now.Add(-c.heard),
				RoundTrip: endpoint.RoundTrip{Smoothed: c.trip, Samples: 9},
			},
		}
		if i == 0 {
			one.Transfers = []coap.TransferStatus{{
				RequestName: named("GET", "/_matrix/client/v3/rooms/%21kitchen%3Aboat.example/messages"),
				Transfer:    endpoint.Transfer{Sending: true, Began: now.Add(-70 * time.Second), Done: 3_072, Total: 9_100, Rate: 33, Left: 183 * time.Second},
			}}
		}
		s.Sessions = append(s.Sessions, one)
		s.Total.Sent.Datagrams += down.Datagrams
		s.Total.Sent.LinkBytes += down.LinkBytes
		s.Total.Received.Datagrams += up.Datagrams
		s.Total.Received.LinkBytes += up.LinkBytes
	}
	return s
}
