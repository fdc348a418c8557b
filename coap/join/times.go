package join

import (
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

const (
	// homeserverTime is how long a homeserver may take for an answer: a first sync
	// of a large account takes minutes, a long-poll what the client asked for.
	homeserverTime = 10 * time.Minute
	// ampleAnswer is an answer that has time to arrive whole, in bytes on the link:
	// the first sync of ten rooms.
	ampleAnswer = 64 << 10
	// leastKeep is how long clients pause between two tries, and people before
	// they press the button again.
	leastKeep = 5 * time.Minute
)

// Deadline is how long an answer may take over a link of profile p when the request
// has a body of so many bytes and the answer up to 64 KiB: a handshake, the request
// and the answer with all their retransmissions (MAX_TRANSMIT_WAIT, RFC 7252 §4.8.2),
// each block of the bodies once more, and ten minutes for the homeserver. Who gives
// up sooner may give up a link that works.
func Deadline(p link.Profile, body int64) time.Duration {
	blocks := func(bytes int64) time.Duration {
		return time.Duration(bytes/int64(max(p.BlockSize, 1)) + 1)
	}
	up := p.Transit(p.MaxDatagram(true), true) + p.Transit(0, false)
	down := p.Transit(p.MaxDatagram(false), false) + p.Transit(0, true)
	return p.HandshakeTimeout + 2*p.MaxTransmitWait() + blocks(body)*up + blocks(ampleAnswer)*down + homeserverTime
}

// Keep is how long the answer to a request that was given up waits for the retry:
// MAX_RTT (RFC 7252 §4.8.2), but five minutes at least. It is then no older than the
// link alone could have made it.
func Keep(p link.Profile) time.Duration { return max(p.MaxRTT(), leastKeep) }
