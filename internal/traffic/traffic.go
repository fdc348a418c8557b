// Package traffic makes Matrix client-server traffic: what clients of several makes say
// to homeservers of several makes, in many languages, as sessions in order. It is a
// function of its tables alone, without clock or chance: the same sessions every time.
//
// A model of compression learns from the servers that are not held out and is measured
// on those that are. The two groups share no server, user, room or phrase; what they
// share is the protocol, which is what a model should know.
package traffic

import "github.com/coapgw/coapgw/internal/measure"

// Session is what one client and its homeserver say to each other, in order.
type Session struct {
	// Name is unique among all sessions.
	Name string
	// Server is the name of the homeserver.
	Server string
	// Client names the make of the client.
	Client  string
	Entries []measure.Entry
	// Times are when the responses came, in ms since 1970, one for each entry.
	Times []int64
}

// Sessions makes the sessions of one server, in the order of their times.
func Sessions(s Server) []Session {
	w := newWorld(s)
	var all []Session
	for i, c := range s.Clients {
		all = append(all, newSession(w, i, clients[c]).run())
	}
	return all
}
