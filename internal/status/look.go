package status

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

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
	began, a := h.daily.take(now, h.accountOf(s))
	t := Today{
		Since: began, Up: way(a.Sent), Down: way(a.Received), Requests: a.Counts.Requests,
		OutsideUp: way(a.OutsideSent), OutsideDown: way(a.OutsideReceived),
	}
	if h.o.Role == Serve {
		t.Up, t.Down = t.Down, t.Up
		t.OutsideUp, t.OutsideDown = t.OutsideDown, t.OutsideUp
	}
	if a.Plain > 0 {
		t.Ratio = float64(a.Coded) / float64(a.Plain)
	}
	if a.Counts.Requests > 0 {
		cost := FittedHTTPS().Of(a.Counts, 0) // what is outside of sessions stands apart on our side
		t.HTTPSUp, t.HTTPSDown = h.airtime(cost.Up, true), h.airtime(cost.Down, false)
	}
	return t
}

func way(t endpoint.Traffic) Way { return Way{t.LinkBytes, t.Datagrams, t.Airtime.Seconds()} }

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
