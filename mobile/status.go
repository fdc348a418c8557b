package mobile

// Status is what a Gateway knows at a moment.
type Status struct {
	// State is one of the State constants.
	State string
	// HeardMillis is when something last came from the server, in milliseconds since 1970; 0
	// for never.
	HeardMillis int64
	// UnderWay is how many requests cross the link or wait for it.
	UnderWay int64
	// Handshakes counts sessions that began with a handshake, Resumed those that went on from
	// before a sleep or an earlier process. Failed are those that could not be opened.
	Handshakes, Resumed, Failed int64
	// SentDatagrams, SentBytes, ReceivedDatagrams and ReceivedBytes are of all sessions since
	// Open, without handshakes. Bytes are those on the link, with all layers below that its
	// profile tells of; without them, those of UDP payloads.
	SentDatagrams, SentBytes, ReceivedDatagrams, ReceivedBytes int64
}

// Status returns what is known at the moment.
func (g *Gateway) Status() *Status {
	if g.client == nil {
		return &Status{State: StateClosed}
	}
	s := g.client.Status()
	status := &Status{
		State: g.watch.now(), UnderWay: int64(s.UnderWay),
		Handshakes: int64(s.Handshakes), Resumed: int64(s.Resumed), Failed: int64(s.Failed),
		SentDatagrams: int64(s.Sent.Datagrams), SentBytes: int64(s.Sent.Bytes),
		ReceivedDatagrams: int64(s.Received.Datagrams), ReceivedBytes: int64(s.Received.Bytes),
	}
	if !s.Heard.IsZero() {
		status.HeardMillis = s.Heard.UnixMilli()
	}
	return status
}
