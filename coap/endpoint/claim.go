package endpoint

// The blocks of a transfer by RFC 7959 belong together by method and options, of which
// nothing tells two requests apart that differ in their payload alone: a FETCH most of
// all, of which the payload says what is wanted (RFC 8132 §2). The blocks of the response
// are asked for without it, as after a POST (RFC 8132 §2.5, RFC 7959 §3.3). So of requests
// with a body and equal options all but one get a Request-Tag (RFC 9175 §3.3), which all
// blocks of both bodies have; and so do observations, whose notifications are fetched
// with other tokens than theirs. Between two endpoints of this package all else goes by
// the token, and needs no tag.

// claim returns the options for the requests of an exchange that asks with these: with a
// Request-Tag if another one has the same. Claimed again, they are those of before if
// the exchange has claimed the same.
func (x *exchange) claim(code Code, opts Options) Options {
	c := x.c
	key := c.transferKey(code, opts)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !x.claims || x.claimed != key {
		x.unclaim()
		if c.claims == nil {
			c.claims = make(map[uint64]int)
		}
		if c.claims[key] > 0 {
			c.tag++
			x.tag = encodeUint(c.tag)
		}
		c.claims[key]++
		x.claimed, x.claims = key, true
	}
	if x.tag == nil {
		return opts
	}
	return opts.clone().Add(RequestTag, x.tag)
}

// unclaim is for the end of the exchange. c.mu is held.
func (x *exchange) unclaim() {
	c := x.c
	if !x.claims {
		return
	}
	x.claims, x.tag = false, nil
	if c.claims[x.claimed]--; c.claims[x.claimed] == 0 {
		delete(c.claims, x.claimed)
	}
}
