package main

import (
	"time"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
)

// outside tells what an end has sent and received outside of sessions by meter, in terms of
// the link. The clients of a server have links of their own, of whose rates nothing is known
// then.
func outside(meter *dtls.Meter, profile link.Profile, client bool) func() (sent, received endpoint.Traffic) {
	onLink := func(t dtls.Traffic, up bool) endpoint.Traffic {
		out := endpoint.Traffic{Datagrams: t.Datagrams, Bytes: t.Bytes, LinkBytes: t.Bytes + t.Datagrams*uint64(profile.Overhead)}
		if client && t.Datagrams > 0 {
			each := int(t.Bytes / t.Datagrams)
			out.Airtime = time.Duration(t.Datagrams) * profile.Airtime(each, up)
		}
		return out
	}
	return func() (sent, received endpoint.Traffic) {
		return onLink(meter.Sent(), client), onLink(meter.Received(), !client)
	}
}
