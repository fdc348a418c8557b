package policy

import (
	"time"

	"github.com/coapgw/coapgw/coap/txn"
)

const (
	// trustFor is how long after its last good answer a token counts as good.
	trustFor = time.Hour
	// maxUsers bounds the users that are remembered; the one that was silent for longest
	// is forgotten.
	maxUsers = 1024
)

// users remembers whose token the homeserver has taken lately. It is not safe for
// concurrent use.
type users struct {
	proven map[txn.Digest]time.Time
}

// prove records that the homeserver took a user's token.
func (u *users) prove(user txn.Digest, now time.Time) {
	if u.proven == nil {
		u.proven = make(map[txn.Digest]time.Time)
	}
	if _, known := u.proven[user]; !known && len(u.proven) >= maxUsers {
		oldest, at := txn.Digest{}, now
		for user, t := range u.proven {
			if !t.After(at) {
				oldest, at = user, t
			}
		}
		delete(u.proven, oldest)
	}
	u.proven[user] = now
}

// trusted reports whether the homeserver has taken a user's token lately.
func (u *users) trusted(user txn.Digest, now time.Time) bool {
	t, ok := u.proven[user]
	return ok && now.Sub(t) < trustFor
}

// doubt lets a user, nil for all, prove again that the token is good.
func (u *users) doubt(user *txn.Digest) {
	if user == nil {
		clear(u.proven)
		return
	}
	delete(u.proven, *user)
}
