package status

import (
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// account is what was counted in some time.
type account struct {
	// Sent and Received are of sessions, by this end.
	Sent, Received endpoint.Traffic
	// Outside is what crossed the link outside of sessions, both ways.
	OutsideSent, OutsideReceived endpoint.Traffic
	// Plain and Coded are as in coap.Content, of requests and responses together.
	Plain, Coded uint64
	Counts       Counts
}

// accountOf is what the counters say.
func (h *Handler) accountOf(s coap.Status) account {
	a := account{
		Sent: s.Total.Sent, Received: s.Total.Received,
		Plain:  s.Total.Requests.Plain + s.Total.Responses.Plain,
		Coded:  s.Total.Requests.Coded + s.Total.Responses.Coded,
		Counts: h.o.Meter.Counts(),
	}
	if h.o.Outside != nil {
		a.OutsideSent, a.OutsideReceived = h.o.Outside()
	}
	return a
}

// minus is what was counted from then on. No number is below zero: of two looks at a time,
// the later one may be told first.
func (a account) minus(then account) account {
	a.Sent, a.Received = trafficMinus(a.Sent, then.Sent), trafficMinus(a.Received, then.Received)
	a.OutsideSent = trafficMinus(a.OutsideSent, then.OutsideSent)
	a.OutsideReceived = trafficMinus(a.OutsideReceived, then.OutsideReceived)
	a.Plain, a.Coded = since(a.Plain, then.Plain), since(a.Coded, then.Coded)
	a.Counts = a.Counts.minus(then.Counts)
	return a
}

// plus is what was counted in both times.
func (a account) plus(b account) account {
	a.Sent, a.Received = trafficPlus(a.Sent, b.Sent), trafficPlus(a.Received, b.Received)
	a.OutsideSent = trafficPlus(a.OutsideSent, b.OutsideSent)
	a.OutsideReceived = trafficPlus(a.OutsideReceived, b.OutsideReceived)
	a.Plain, a.Coded = a.Plain+b.Plain, a.Coded+b.Coded
	a.Counts = a.Counts.plus(b.Counts)
	return a
}

func trafficMinus(a, b endpoint.Traffic) endpoint.Traffic {
	return endpoint.Traffic{
		Datagrams: since(a.Datagrams, b.Datagrams), Bytes: since(a.Bytes, b.Bytes),
		LinkBytes: since(a.LinkBytes, b.LinkBytes), Airtime: since(a.Airtime, b.Airtime),
	}
}

func trafficPlus(a, b endpoint.Traffic) endpoint.Traffic {
	return endpoint.Traffic{
		Datagrams: a.Datagrams + b.Datagrams, Bytes: a.Bytes + b.Bytes,
		LinkBytes: a.LinkBytes + b.LinkBytes, Airtime: a.Airtime + b.Airtime,
	}
}

// since is how much a counter has grown.
func since[T uint64 | time.Duration](now, then T) T { return max(now, then) - then }
