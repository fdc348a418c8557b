package coap

import (
	"time"

	"github.com/coapgw/coapgw/coap/link"
)

const (
	// notificationSize and acknowledgementSize are what an echo and its acknowledgement take,
	// in bytes, about.
	notificationSize, acknowledgementSize = 120, 36
	// ownPatience is how long an echo waits, in times of what it takes of the link; below
	// leastOwnWait it does not, and never longer than mostOwnWait.
	ownPatience  = 20
	leastOwnWait = time.Second
	mostOwnWait  = 2 * time.Minute
)

// ownWait is how long an echo waits for company on a link.
func ownWait(p link.Profile) time.Duration {
	takes := p.Airtime(notificationSize, false) + p.Airtime(acknowledgementSize, true)
	wait := min(ownPatience*takes, mostOwnWait)
	if wait < leastOwnWait {
		return 0
	}
	return wait
}
