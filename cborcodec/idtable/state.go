package idtable

// State is what a message says about the tables beside its references. Package wire2
// writes Base and Client into the header byte and the other members, where they are
// there, into the payload.
type State struct {
	// Server names the base in the server's table: A of a request or notification, 0 for
	// none. Client names the base in the client's: C of a request, 0 for none.
	Server, Client uint8

	// Ack, where HasAck, is the base in the server's table by its number: of all batches
	// up to it the client holds this one alone. 0 is no base: it holds none up to Top.
	HasAck bool
	Ack    uint64
	// Dead are batches that the client will never hold: bit i is the batch i+1 before the
	// base.
	Dead uint64

	// Number and First, where Inserts, are those of the message's batch: counted from
	// what follows the base in the sender's table, absolute where there is no base.
	Inserts       bool
	Number, First uint64

	// Top, where HasTop, is how many batches the server has made beyond the base: it can
	// make no more until the client has acknowledged or declared dead what there is. In a
	// request it is what the client had heard.
	HasTop bool
	Top    uint64

	// Asked, where HasAsked, is the base in the client's table of a notification, by its
	// number.
	HasAsked bool
	Asked    uint64
}

// How many values there are to name a base with, beside 0 for none.
const (
	serverNames       = 15
	clientNames       = 3
	notificationNames = 62
)

// How far the sender of batches may get ahead. What a request names must be among the
// last so many batches when it arrives; each bound is explained where it is used.
const (
	// maxUnacknowledged is how many batches the server makes beyond the last
	// acknowledgement.
	maxUnacknowledged = 7
	// maxAckStep is how far an acknowledgement may lie beyond one that may still arrive.
	maxAckStep = serverNames - 1 - maxUnacknowledged
	// maxAhead is how far a batch of the client may lie beyond a base that may still
	// arrive.
	maxAhead = clientNames - 1
	// patience is how many newer batches let the client give one up.
	patience = 3
	// maxDeadAge is how far behind an acknowledgement a dead batch can be told.
	maxDeadAge = 60
)

// name gives a batch number its short name.
func name(number, names uint64) uint8 { return uint8(1 + number%names) }

// resolve returns the number with that short name among the last ones up to newest.
func resolve(short uint8, newest, names uint64) (number uint64, ok bool) {
	if short == 0 || uint64(short) > names {
		return 0, false
	}
	back := (newest + names - uint64(short-1)) % names
	if back > newest {
		return 0, false
	}
	return newest - back, true
}
