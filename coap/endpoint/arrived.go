package endpoint

import "errors"

// wasAcknowledged tells that the request being made arrived, if it was acknowledged at
// the same moment as something else ended it.
func (x *exchange) wasAcknowledged(acknowledged <-chan struct{}) {
	select {
	case <-acknowledged:
		x.hasArrived(x.whole)
	default:
	}
}

// hasArrived tells once that the peer has admitted a request, if it has.
func (x *exchange) hasArrived(it bool) {
	if f := x.arrived; it && f != nil {
		x.arrived = nil
		f()
	}
}

// fromPeer reports whether the peer has answered the request, and does not just want to
// see it again.
func (r *reply) fromPeer() bool {
	var option *OptionError
	return errors.As(r.err, &option) || r.err == nil && !challenges(r.m.Code, r.m.Options)
}
