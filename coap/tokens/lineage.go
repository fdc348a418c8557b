package tokens

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/txn"
)

// Lineage is an http.RoundTripper that carries requests and learns whose tokens are whose:
//
//   - the answer to /refresh is the next access token of the device whose refresh token was
//     sent, if that came in an answer that Lineage has seen;
//   - the answers to /login and /register name a user and a device: the tokens of one device
//     are one lineage.
//
// What it learns is durable before the client has the answer. Its methods may be called
// concurrently; the exported fields must not change after the first call.
type Lineage struct {
	// Carry carries the requests, as RoundTrip of an http.RoundTripper. It is none, since a
	// program in which nobody calls that by an interface need not link http.Transport.
	Carry func(*http.Request) (*http.Response, error)
	// Store keeps what was learnt, under keys that begin with "tokens/": hashes of tokens, and
	// no token. Nil keeps it in memory.
	Store session.Store
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger

	once sync.Once
	// saving is held over a commit, so that a device never goes back.
	saving chan struct{}

	mu      sync.Mutex
	devices map[txn.Digest]*device // by user
	byToken map[txn.Digest]*device // by access token
}

// maxDevices bounds the devices that are known; the one of which nothing was learnt for
// longest is forgotten.
const maxDevices = 256

func (l *Lineage) init() {
	l.once.Do(func() {
		if l.Log == nil {
			l.Log = slog.New(slog.DiscardHandler)
		}
		l.saving = make(chan struct{}, 1)
		l.devices, l.byToken = make(map[txn.Digest]*device), make(map[txn.Digest]*device)
		l.load()
	})
}

// User names the user of a request, as txn.User does, but alike for a token and the one that
// follows it, as soon as a request bears that. From then on the one before is a stranger's.
func (l *Lineage) User(r *http.Request) txn.Digest {
	l.init()
	token := txn.User(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.byToken[token]; d != nil {
		for _, before := range d.use(token) {
			delete(l.byToken, before)
		}
		return d.user
	}
	if l.devices[token] != nil { // it was the first, after which the device is named
		return txn.Token(string(txn.AppendField(token[:], "renewed")))
	}
	return token
}

// RoundTrip implements http.RoundTripper. Errors are those of Carry.
func (l *Lineage) RoundTrip(r *http.Request) (*http.Response, error) {
	l.init()
	k := kindOf(r)
	var sent string // refresh token
	if k == refreshes {
		var err error
		if r, sent, err = refreshToken(r); err != nil {
			return nil, err
		}
	}
	resp, err := l.Carry(r)
	switch {
	case err != nil || k == other:
	case k == logsOut && resp.StatusCode/100 == 2:
		l.forget(txn.User(r))
	case k != logsOut && resp.StatusCode == http.StatusOK:
		var told answer
		if told, err = answerOf(resp); err != nil {
			return nil, err
		}
		l.learn(k, sent, told)
	}
	return resp, err
}

// learn takes what the homeserver has answered to a request.
func (l *Lineage) learn(k kind, sent string, told answer) {
	if told.accessToken == "" {
		return
	}
	l.mu.Lock()
	d := l.deviceOf(k, sent, told)
	if d == nil {
		l.mu.Unlock()
		return
	}
	forgotten := l.renew(d, told)
	l.mu.Unlock()
	l.keep(d, forgotten)
}

// deviceOf returns the device to which a token was given, perhaps a new one; nil where the
// answer does not say to which. l.mu is held.
func (l *Lineage) deviceOf(k kind, sent string, told answer) *device {
	token := txn.Token(told.accessToken)
	if d := l.byToken[token]; d != nil {
		return d
	}
	if k == logsIn {
		if !told.named() {
			return nil
		}
		if d := l.named(told.name()); d != nil {
			return d
		}
		return &device{user: token}
	}
	if sent == "" {
		return nil
	}
	for _, d := range l.devices {
		if d.hadRefresh(txn.Token(sent)) {
			return d
		}
	}
	return &device{user: token}
}

// named returns the device of a name, nil for none. l.mu is held.
func (l *Lineage) named(name txn.Digest) *device {
	for _, d := range l.devices {
		if d.name == name {
			return d
		}
	}
	return nil
}

// renew notes the newest token of a device. It returns one that gives way to it, nil for none.
// l.mu is held.
func (l *Lineage) renew(d *device, told answer) (forgotten *device) {
	if l.devices[d.user] == nil && len(l.devices) >= maxDevices {
		for _, old := range l.devices {
			if forgotten == nil || old.learnt.Before(forgotten.learnt) {
				forgotten = old
			}
		}
		l.remove(forgotten)
	}
	l.remove(d)
	d.renew(told, time.Now())
	l.insert(d)
	return forgotten
}

// insert and remove keep the books. l.mu is held.
func (l *Lineage) insert(d *device) {
	l.devices[d.user] = d
	for _, t := range d.tokens {
		l.byToken[t] = d
	}
}

func (l *Lineage) remove(d *device) {
	delete(l.devices, d.user)
	for _, t := range d.tokens {
		delete(l.byToken, t)
	}
}

// forget forgets the device of an access token.
func (l *Lineage) forget(token txn.Digest) {
	l.mu.Lock()
	d := l.byToken[token]
	if d != nil {
		l.remove(d)
	}
	l.mu.Unlock()
	if d != nil {
		l.keep(nil, d)
	}
}

// keep makes durable what is known of a device, and that another one is forgotten; nil for
// neither.
func (l *Lineage) keep(d, forgotten *device) {
	if l.Store == nil {
		return
	}
	l.saving <- struct{}{}
	defer func() { <-l.saving }()
	changes := make(map[string][]byte)
	l.mu.Lock()
	for _, d := range []*device{forgotten, d} {
		if d == nil {
			continue
		}
		changes[storeKey(d.user)] = nil
		if now := l.devices[d.user]; now != nil {
			changes[storeKey(d.user)] = now.encode()
		}
	}
	l.mu.Unlock()
	if err := l.Store.Commit(changes); err != nil {
		l.Log.Error("a renewed access token was not stored", "err", err)
	}
}
