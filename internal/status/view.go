package status

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/coapgw/coapgw/coap"
)

// View is what the page shows, and what /status.json answers: times in seconds, sizes in
// bytes, up from the side of the clients to that of the homeserver.
type View struct {
	Role    Role      `json:"role"`
	Version string    `json:"version,omitempty"`
	At      time.Time `json:"at"`
	State   State     `json:"state"`
	Link    LinkView  `json:"link"`
	Today   Today     `json:"today"`
	// Minutes are the bytes of the latest minutes, the latest last.
	Minutes   []MinuteView   `json:"minutes"`
	Transfers []TransferView `json:"transfers"`
	// UnderWay is how many requests are; Requests are some of them, the oldest first.
	UnderWay int           `json:"requests_under_way"`
	Requests []RequestView `json:"requests"`
	Queue    Queue         `json:"queue"`
	Outbox   *OutboxView   `json:"outbox,omitempty"`
	Chatter  *ChatterView  `json:"chatter,omitempty"`
	// Sessions are the latest ones heard of, SessionCount is how many there are.
	SessionCount int           `json:"session_count"`
	Sessions     []SessionView `json:"sessions"`
	Problems     []ProblemView `json:"problems"`
}

// State is how the link does, in a word and in a sentence.
type State struct {
	// Level is "up", "idle", "slow" or "down".
	Level string `json:"level"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

// LinkView is what is known of the link.
type LinkView struct {
	Profile     string `json:"profile"`
	Description string `json:"description,omitempty"`
	// RoundTrip and LeastRoundTrip are 0 while none was measured.
	RoundTrip      float64 `json:"round_trip_seconds"`
	LeastRoundTrip float64 `json:"least_round_trip_seconds"`
	// LossUp and LossDown are parts from 0 to 1, -1 while unknown.
	LossUp          float64    `json:"loss_up"`
	LossDown        float64    `json:"loss_down"`
	Retransmissions uint64     `json:"retransmissions"`
	GaveUp          uint64     `json:"gave_up"`
	Handshakes      uint64     `json:"handshakes"`
	Resumed         uint64     `json:"resumed"`
	Failed          uint64     `json:"failed"`
	Refused         uint64     `json:"refused"`
	WireVersion     int        `json:"wire_version,omitempty"`
	Heard           *time.Time `json:"heard,omitempty"`
}

// Today is what went over the link since midnight, or since the start if that is later.
type Today struct {
	Since time.Time `json:"since"`
	Up    Way       `json:"up"`
	Down  Way       `json:"down"`
	// HTTPSUp and HTTPSDown estimate what the same would have cost over HTTPS; 0 where
	// nothing tells. Handshakes are left out on both sides.
	HTTPSUp   Way `json:"https_up_estimated"`
	HTTPSDown Way `json:"https_down_estimated"`
	// Requests is how many the clients made.
	Requests uint64 `json:"requests"`
	// Ratio is bytes of options and payload for each byte of path, query and body, 0
	// while unknown.
	Ratio float64 `json:"coded_ratio"`
}

// Way is one direction.
type Way struct {
	Bytes     uint64  `json:"bytes"`
	Datagrams uint64  `json:"datagrams,omitempty"`
	Airtime   float64 `json:"airtime_seconds"`
}

// Total is bytes of both directions.
func (t Today) Total() uint64 { return t.Up.Bytes + t.Down.Bytes }

// HTTPS is Total for HTTPS.
func (t Today) HTTPS() uint64 { return t.HTTPSUp.Bytes + t.HTTPSDown.Bytes }

// Airtime is that of both directions, in seconds.
func (t Today) Airtime() float64 { return t.Up.Airtime + t.Down.Airtime }

// HTTPSAirtime is Airtime for HTTPS.
func (t Today) HTTPSAirtime() float64 { return t.HTTPSUp.Airtime + t.HTTPSDown.Airtime }

// Share and HTTPSShare are in the same proportion as Total and HTTPS; the greater one is
// 100.
func (t Today) Share() int { return share(t.Total(), t.HTTPS()) }

// HTTPSShare is Share of HTTPS.
func (t Today) HTTPSShare() int { return share(t.HTTPS(), t.Total()) }

func share(n, other uint64) int { return int(100 * n / max(n, other, 1)) }

// Saved is the part of the bytes of HTTPS that did not have to go, 0 where it is not known
// or nothing.
func (t Today) Saved() float64 {
	if t.HTTPS() == 0 || t.Total() >= t.HTTPS() {
		return 0
	}
	return 1 - float64(t.Total())/float64(t.HTTPS())
}

// MinuteView is what went over the link in a minute.
type MinuteView struct {
	Up   uint64 `json:"up"`
	Down uint64 `json:"down"`
}

// TransferView is a body under way.
type TransferView struct {
	What string `json:"what"`
	Path string `json:"path,omitempty"`
	// Up is the direction.
	Up    bool      `json:"up"`
	Began time.Time `json:"began"`
	Done  int64     `json:"done"`
	Total int64     `json:"total"` // -1 for unknown
	// Rate is bytes per second, 0 for unknown; Left is -1 for unknown.
	Rate float64 `json:"rate"`
	Left float64 `json:"left_seconds"`
	Peer string  `json:"peer,omitempty"`
}

// Percent is how much of it has come.
func (t TransferView) Percent() int {
	if t.Total <= 0 {
		return 0
	}
	return int(100 * t.Done / t.Total)
}

// RequestView is a request under way.
type RequestView struct {
	What  string    `json:"what"`
	Path  string    `json:"path"`
	Began time.Time `json:"began"`
	For   float64   `json:"for_seconds"`
}

// Queue is what waits at the link.
type Queue struct {
	// Outstanding messages wait for an acknowledgement, Waiting ones for their turn, and
	// Datagrams until the link is free.
	Outstanding int `json:"outstanding"`
	Waiting     int `json:"waiting"`
	Datagrams   int `json:"datagrams"`
	// Observations are open.
	Observations int `json:"observations"`
}

// OutboxView is an Outbox.
type OutboxView struct {
	Waiting int        `json:"waiting"`
	Bytes   int64      `json:"bytes"`
	Oldest  *time.Time `json:"oldest,omitempty"`
	Full    bool       `json:"full"`
}

// ChatterView is a Chatter.
type ChatterView struct {
	Paused   bool   `json:"paused"`
	Answered uint64 `json:"answered"`
	Merged   uint64 `json:"merged"`
	Dropped  uint64 `json:"dropped"`
}

// SessionView is a session.
type SessionView struct {
	Number   uint64    `json:"number"`
	Identity string    `json:"identity,omitempty"`
	Address  string    `json:"address"`
	Began    time.Time `json:"began"`
	Resumed  bool      `json:"resumed"`
	// Peer is "coapgw", "other" or "unknown".
	Peer        string     `json:"peer"`
	WireVersion int        `json:"wire_version,omitempty"`
	Profile     string     `json:"profile"`
	Heard       *time.Time `json:"heard,omitempty"`
	Up          uint64     `json:"up"`
	Down        uint64     `json:"down"`
	RoundTrip   float64    `json:"round_trip_seconds"`
	Loss        float64    `json:"loss"` // the greater one of both directions, -1 for unknown
	Observers   int        `json:"observers"`
}

// ProblemView is a Problem.
type ProblemView struct {
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Times  int       `json:"times"`
	Severe bool      `json:"severe"`
	Text   string    `json:"text"`
	Detail string    `json:"detail,omitempty"`
}

// Bounds of what is shown.
const (
	shownRequests  = 20
	shownTransfers = 20
	shownSessions  = 50
)

// view takes a look at everything.
func (h *Handler) view(ctx context.Context) View {
	now, s := h.now(), h.o.Status()
	v := View{
		Role: h.o.Role, Version: h.o.Version, At: now, UnderWay: s.UnderWay, SessionCount: len(s.Sessions),
		Link: LinkView{
			Profile: h.o.Link.Name, Description: h.o.Link.Description, LossUp: -1, LossDown: -1,
			Retransmissions: s.Total.Retransmissions, GaveUp: s.Total.GaveUp,
			Handshakes: s.Opened - s.Resumed, Resumed: s.Resumed, Failed: s.Failed, Refused: s.Refused,
		},
	}
	v.Today = h.today(now, s)
	for _, m := range h.daily.history() {
		if h.o.Role == Serve {
			m.up, m.down = m.down, m.up
		}
		v.Minutes = append(v.Minutes, MinuteView{m.up, m.down})
	}
	for _, one := range s.Sessions {
		h.addSession(&v, one)
	}
	slices.SortStableFunc(v.Sessions, func(a, b SessionView) int {
		return cmp.Compare(heardAt(b.Heard), heardAt(a.Heard))
	})
	v.Sessions = v.Sessions[:min(len(v.Sessions), shownSessions)]
	slices.SortStableFunc(v.Transfers, func(a, b TransferView) int { return a.Began.Compare(b.Began) })
	v.Transfers = v.Transfers[:min(len(v.Transfers), shownTransfers)]
	for _, r := range s.Requests {
		if len(v.Requests) == shownRequests {
			break
		}
		if slices.ContainsFunc(v.Transfers, func(t TransferView) bool { return t.Path == r.Path }) {
			continue // it is shown already
		}
		v.Requests = append(v.Requests, RequestView{
			What: what(r.RequestName), Path: r.Path, Began: r.Began, For: now.Sub(r.Began).Seconds(),
		})
	}
	if h.o.Outbox != nil {
		o := h.o.Outbox()
		v.Outbox = &OutboxView{Waiting: o.Waiting, Bytes: o.Bytes, Oldest: when(o.Oldest), Full: o.Full}
	}
	if h.o.Chatter != nil {
		c := h.o.Chatter()
		v.Chatter = &ChatterView{c.Paused, c.Answered, c.Merged, c.Dropped}
	}
	for _, p := range h.o.Problems.List() {
		v.Problems = append(v.Problems, ProblemView(p))
	}
	v.State = h.state(ctx, &v, s)
	return v
}

func heardAt(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixNano()
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// today is what was counted since midnight.
func (h *Handler) today(now time.Time, s coap.Status) Today {
	read := reading{now, s.Total, h.o.Meter.Counts()}
	begin := h.daily.take(read)
	t := Today{Since: begin.at}
	t.Up = Way{
		sent(s.Total) - sent(begin.totals), s.Total.Sent.Datagrams - begin.totals.Sent.Datagrams,
		(s.Total.Sent.Airtime - begin.totals.Sent.Airtime).Seconds(),
	}
	t.Down = Way{
		received(s.Total) - received(begin.totals), s.Total.Received.Datagrams - begin.totals.Received.Datagrams,
		(s.Total.Received.Airtime - begin.totals.Received.Airtime).Seconds(),
	}
	if h.o.Role == Serve {
		t.Up, t.Down = t.Down, t.Up
	}
	plain := s.Total.Requests.Plain + s.Total.Responses.Plain - begin.totals.Requests.Plain - begin.totals.Responses.Plain
	coded := s.Total.Requests.Coded + s.Total.Responses.Coded - begin.totals.Requests.Coded - begin.totals.Responses.Coded
	if plain > 0 {
		t.Ratio = float64(coded) / float64(plain)
	}
	counts := read.counts.minus(begin.counts)
	t.Requests = counts.Requests
	if counts.Requests > 0 {
		cost := FittedHTTPS().Of(counts, 0) // handshakes are not counted on our side either
		t.HTTPSUp, t.HTTPSDown = h.airtime(cost.Up, true), h.airtime(cost.Down, false)
	}
	return t
}

// airtime is how long the link takes for so many bytes by its profile, where that tells.
func (h *Handler) airtime(bytes float64, up bool) Way {
	w := Way{Bytes: uint64(bytes)}
	rate := h.o.Link.RateDown
	if up {
		rate = h.o.Link.RateUp
	}
	if rate > 0 && h.o.Role == Connect { // the clients of a Serve have links of their own
		w.Airtime = bytes * 8 / rate
	}
	return w
}

// addSession adds what is known of one session.
func (h *Handler) addSession(v *View, s coap.SessionStatus) {
	st := s.Stats
	up, down, lossUp, lossDown := st.Sent, st.Received, st.LossSent, st.LossReceived
	if h.o.Role == Serve {
		up, down, lossUp, lossDown = down, up, lossDown, lossUp
	}
	one := SessionView{
		Number: s.Number, Identity: s.Identity, Address: s.Address, Began: s.Began, Resumed: s.Lives > 0,
		Peer: "unknown", WireVersion: s.Version, Profile: st.Profile, Heard: when(st.Heard),
		Up: up.LinkBytes, Down: down.LinkBytes, RoundTrip: st.RoundTrip.Smoothed.Seconds(),
		Loss: max(lossUp, lossDown), Observers: st.Observers + st.Observations,
	}
	switch s.Peer {
	case coap.PeerGateway:
		one.Peer = "coapgw"
	case coap.PeerForeign:
		one.Peer = "other"
	}
	v.Sessions = append(v.Sessions, one)
	v.Queue.Outstanding += st.Outstanding
	v.Queue.Waiting += st.Waiting
	v.Queue.Datagrams += st.Queued
	v.Queue.Observations += one.Observers
	for _, t := range s.Transfers {
		v.Transfers = append(v.Transfers, h.transfer(t, s))
	}
	if h.o.Role != Connect {
		return
	}
	// The latest session is the link of a Connect.
	l := &v.Link
	l.RoundTrip, l.LeastRoundTrip = st.RoundTrip.Smoothed.Seconds(), st.RoundTrip.Least.Seconds()
	l.LossUp, l.LossDown, l.WireVersion, l.Heard = lossUp, lossDown, s.Version, one.Heard
}

func (h *Handler) transfer(t coap.TransferStatus, s coap.SessionStatus) TransferView {
	left := -1.0
	if t.Left >= 0 {
		left = t.Left.Seconds()
	}
	words := what(t.RequestName)
	if words == "Waiting for news" {
		words = "Receiving news"
	}
	return TransferView{
		What: words, Path: t.Path, Up: t.Sending == (h.o.Role == Connect), Began: t.Began,
		Done: t.Done, Total: t.Total, Rate: t.Rate, Left: left, Peer: s.Identity,
	}
}
