package policy

import (
	"time"
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
	proven map[digest]time.Time
}

// prove records that the homeserver took a user's token.
func (u *users) prove(user digest, now time.Time) {
	if u.proven == nil {
		u.proven = make(map[digest]time.Time)
	}
	if _, known := u.proven[user]; !known && len(u.proven) >= maxUsers {
		oldest, at := digest{}, now
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
func (u *users) trusted(user digest, now time.Time) bool {
	t, ok := u.proven[user]
	return ok && now.Sub(t) < trustFor
}

// doubt lets a user, nil for all, prove again that the token is good.
func (u *users) doubt(user *digest) {
	if user == nil {
		clear(u.proven)
		return
	}
	delete(u.proven, *user)
}
