package status

// HTTPS estimates what exchanges would have cost over HTTP/2 with gzip, TLS 1.3 and TCP, in
// bytes of whole IPv4 packets. The numbers are fitted to testdata/https.tsv, by
// conformance/httpscost, which also says how far off they are.
type HTTPS struct {
	// Connection is the handshakes of TCP and TLS, and what HTTP/2 begins with.
	Connection Cost
	// Request is headers, frames and acknowledgements of each exchange, WithBody what is
	// added to those that send something.
	Request, WithBody Cost
	// PerBody is for each byte of a request body; PerFirst and PerRest are for each byte of a
	// response body, see Counts.
	PerBody, PerFirst, PerRest Cost
}

// Cost is bytes of either direction.
type Cost struct{ Up, Down float64 }

// FittedHTTPS returns the model.
func FittedHTTPS() HTTPS {
	return HTTPS{
		Connection: Cost{2190, 3790},
		Request:    Cost{135, 214},
		WithBody:   Cost{156, 0},
		PerBody:    Cost{1.004, 0.027},
		PerFirst:   Cost{0.010, 0.468},
		PerRest:    Cost{0.010, 0.188},
	}
}

// Of returns what the exchanges would have cost over so many connections.
func (h HTTPS) Of(c Counts, connections int) Cost {
	var sum Cost
	for _, part := range [...]struct {
		n    float64
		cost Cost
	}{
		{float64(connections), h.Connection},
		{float64(c.Requests), h.Request},
		{float64(c.WithBody), h.WithBody},
		{float64(c.BodyBytes), h.PerBody},
		{float64(c.FirstBytes), h.PerFirst},
		{float64(c.RestBytes), h.PerRest},
	} {
		sum.Up += part.n * part.cost.Up
		sum.Down += part.n * part.cost.Down
	}
	return sum
}
