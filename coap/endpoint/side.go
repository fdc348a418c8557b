package endpoint

// Side says on which side of the link of its profile an endpoint is.
type Side uint8

// Sides of a link.
const (
	// SideUnknown makes no use of the link's rates: timers are those of RFC 7252
	// §4.2, and no datagram is larger than Profile.MTU.
	SideUnknown Side = iota
	// SideConstrained is where the modem is: it sends up.
	SideConstrained
	// SideFar is where the Internet is: it sends down.
	SideFar
)
