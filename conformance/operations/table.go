package operations

import (
	"fmt"
	"time"
)

// longPoll is the timeout that clients give a /sync, as most of them do.
const longPoll = 30 * time.Second

// row is an operation with its exchanges as names of recordings.
type row struct {
	name, about string
	begin       Begin
	push        bool
	exchange    string
	hold        time.Duration
	times       int // 0 means once
	after       []string
}

// What a client has seen when it comes to an operation: its rooms, and a message of
// somebody else in the room where things happen; its own message there, which has come
// back.
var (
	known    = []string{"initial-lazy", "sync"}
	sent     = []string{"initial-lazy", "sync", "send"}
	echoed   = []string{"initial-lazy", "send", "echo"}
	answered = []string{"initial-lazy", "send", "echo", "sync"}
)

// table is in the order in which a client comes to do these things.
var table = []row{
	{name: "handshake", about: "first contact ever: handshake and versions", begin: Cold, exchange: "versions"},
	{name: "reconnect", about: "the client restarted: versions", begin: Restarted, exchange: "versions"},
	{name: "login", about: "login with a password", exchange: "login"},
	{name: "send", about: `send "hello world"`, exchange: "send", after: known},
	{name: "encrypted", about: "send m.room.encrypted, 300 B of ciphertext", exchange: "encrypted", after: known},
	{name: "echo", about: "sync that brings one's own event", exchange: "echo", after: sent},
	{name: "sync", about: "sync that brings one message at once", exchange: "sync", after: echoed},
	{name: "sync-delayed", about: "sync that brings one message after 10 s", exchange: "sync", hold: 10 * time.Second, after: echoed},
	{name: "sync-pushed", about: "one message, pushed", push: true, exchange: "sync", hold: 10 * time.Second, after: echoed},
	{name: "receipt", about: "read receipt", exchange: "receipt", after: answered},
	{name: "typing", about: "typing", exchange: "typing", after: answered},
	{name: "presence", about: "presence", exchange: "presence", after: answered},
	{name: "reaction", about: "reaction", exchange: "reaction", after: answered},
	{name: "join", about: "join a room", exchange: "join", after: answered},
	{name: "create", about: "create a room", exchange: "create", after: answered},
	{name: "history", about: "20 messages of history", exchange: "history", after: answered},
	{name: "members", about: "members of a room of 48", exchange: "members", after: answered},
	{name: "push", about: "push rules", exchange: "push", after: answered},
	{name: "keys", about: "upload device keys and 50 one-time keys", exchange: "keys", after: answered},
	{name: "query", about: "query the keys of a person", exchange: "query", after: answered},
	{name: "to-device", about: "room key to one device", exchange: "to-device", after: answered},
	{name: "initial", about: "initial sync, 10 rooms, 180 kB of JSON", exchange: "initial"},
	{name: "initial-lazy", about: "initial sync, 10 rooms, members loaded lazily", exchange: "initial-lazy"},
	{name: "idle", about: "an hour with sync open and nothing new", exchange: "idle", hold: longPoll, times: int(time.Hour / longPoll), after: answered},
	{name: "idle-pushed", about: "the same, observed", push: true, exchange: "idle", hold: longPoll, times: int(time.Hour / longPoll), after: answered},
	{name: "not-found", about: "404", exchange: "not-found", after: answered},
}

// All returns every operation in the order of the table.
func All() ([]Operation, error) {
	recordings, err := Recordings()
	if err != nil {
		return nil, err
	}
	var all []Operation
	for _, r := range table {
		one, ok := recordings[r.exchange]
		if !ok {
			return nil, fmt.Errorf("operation %s: no recording of %q", r.name, r.exchange)
		}
		e := one.exchange()
		e.Hold = r.hold
		op := Operation{Name: r.name, About: r.about, Begin: r.begin, Push: r.push, After: r.after}
		for range max(r.times, 1) {
			op.Exchanges = append(op.Exchanges, e)
		}
		all = append(all, op)
	}
	return all, nil
}

// Warmup returns what goes over a connection before a warm operation: a request
// without an access token and one with the token that the operations use.
func Warmup() ([]Exchange, error) {
	recordings, err := Recordings()
	if err != nil {
		return nil, err
	}
	var all []Exchange
	for _, name := range []string{"versions", "whoami"} {
		one, ok := recordings[name]
		if !ok {
			return nil, fmt.Errorf("warm-up: no recording of %q", name)
		}
		all = append(all, one.exchange())
	}
	return all, nil
}
