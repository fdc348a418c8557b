package realtime

import "time"

// A plan is how much a session over one link does, and how long its client waits.
type plan struct {
	profile string
	// patience is how long the client waits for the answer to one request before
	// it gives up and asks again.
	patience time.Duration
	// deadline bounds the session. It tells a session that hangs, not a slow one.
	deadline time.Duration
	// pause is that of each of the two who talk in TestClients after a message: nobody
	// writes faster than messages go out.
	pause time.Duration
	// short is a session of login, one message there and one back.
	short bool
	// logEntries are in the room before, and as many events are read back. Where that
	// takes longer than the patience, the client finds the answer by asking again.
	logEntries int
	// oneTimeKeys and mediaSize (in bytes) go up in one POST, which nobody may repeat
	// in place of a client that has given up. So they are no more than the link
	// takes within the patience.
	oneTimeKeys, mediaSize int
}

const (
	// impatience is a timeout that many clients have.
	impatience = 30 * time.Second
	pollTime   = 10 * time.Second // of one long-poll
)

// planOf is the session over a link.
func planOf(profile string) (plan, bool) {
	for _, p := range []plan{
		{profile: "geo-vsat", patience: impatience, deadline: 10 * time.Minute, pause: 3 * time.Second, logEntries: 20, oneTimeKeys: 50, mediaSize: 4000},
		{profile: "certus100", patience: impatience, deadline: 10 * time.Minute, pause: 5 * time.Second, logEntries: 20, oneTimeKeys: 50, mediaSize: 4000},
		{profile: "iridium-2400", patience: impatience, deadline: 15 * time.Minute, pause: 25 * time.Second, logEntries: 45, oneTimeKeys: 10, mediaSize: 3000},
		// A person at such a link has a client that waits.
		{profile: "hf-vara500", patience: time.Hour, deadline: 3 * time.Hour, pause: 3 * time.Minute, short: true, logEntries: 5},
		{profile: "hf-s5066-75", patience: 3 * time.Hour, deadline: 10 * time.Hour, pause: 10 * time.Minute, short: true, logEntries: 5},
	} {
		if p.profile == profile {
			return p, true
		}
	}
	return plan{}, false
}
