package status

import (
	"context"
	"fmt"
	"time"

	"github.com/coapgw/coapgw/coap"
)

// overdue is how often the usual round trip an answer may take before the page says that
// the other end is silent; never less than leastOverdue.
const (
	overdue      = 4
	leastOverdue = 10 * time.Second
)

// state says how the link does.
func (h *Handler) state(ctx context.Context, v *View, s coap.Status) State {
	if h.o.Ready != nil && h.o.Role == Serve { // what keeps a Connect from being of use is told below
		if err := h.o.Ready(ctx); err != nil {
			return State{"down", "Not ready", shorten(scrub(err.Error()), maxDetail)}
		}
	}
	if h.o.Role == Serve {
		switch n := len(s.Sessions); n {
		case 0:
			return State{"idle", "Nobody is connected", "Clients connect when they have something to ask."}
		case 1:
			return State{"up", "One client is connected", "The gateway answers."}
		default:
			return State{"up", fmt.Sprintf("%d clients are connected", n), "The gateway answers."}
		}
	}
	if len(s.Sessions) == 0 {
		switch {
		case s.UnderWay > 0:
			return State{"slow", "Connecting", "The first handshake is on its way: " + expected(h.o.Link.HandshakeTimeout)}
		case s.Failing:
			return State{"down", "The other end cannot be reached", "It is tried again with the next request."}
		}
		return State{"idle", "Not connected", "The link opens with the first request of a Matrix client."}
	}
	last := s.Sessions[len(s.Sessions)-1].Stats
	silence := v.At.Sub(last.Heard)
	patience := max(overdue*last.RoundTrip.Smoothed, h.o.Link.AckTimeout, leastOverdue)
	switch {
	case last.Down:
		return State{"down", "The link is down", "What waits is sent when it is up again."}
	case last.Heard.IsZero() && last.Outstanding > 0:
		return State{"slow", "Waiting for the other end", "It has not answered yet."}
	case last.Outstanding > 0 && silence > patience:
		return State{"slow", "The other end is silent", fmt.Sprintf("Nothing was heard for %s. What is under way is repeated.", duration(silence.Seconds()))}
	case len(v.Transfers) > 0:
		return State{"up", "Transferring", "The link is up and busy."}
	case last.Outstanding+last.Queued > 0:
		return State{"up", "Connected", "The link is up, and something is on its way."}
	}
	return State{"up", "Connected", "The link is up and quiet."}
}

func expected(d time.Duration) string {
	if d <= 0 {
		return "this may take a while."
	}
	return fmt.Sprintf("this may take up to %s.", duration(d.Seconds()))
}
