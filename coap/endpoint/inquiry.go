package endpoint

import (
	"slices"

	"github.com/coapgw/coapgw/coap/trace"
)

// A request that was acknowledged has no response yet, and a ping (RFC 7252 §4.3) says
// that the peer lives, but not that it still knows of the request: it may have been
// restarted and gone on with the session, or have given the response up. Between two
// endpoints of this package an inquiry takes the place of the ping. It is a
// confirmable GET with the token of the request and the option Inquiry, and executes
// nothing. An empty acknowledgement says what it says of the request itself (RFC 7252
// §5.2.2): the response will come. 4.04 says that none will. A peer that does not know
// the option answers 4.02, and lives.

// Inquiry is the option of a question about an earlier request with the same token. It
// is critical, so that nobody takes the question for a GET, and empty. Only endpoints
// that know each other for ones of this package send it.
const Inquiry OptionNumber = 265

// inquiry asks about the request of that token.
func inquiry(tok token) *Message {
	return &Message{Type: Confirmable, Code: GET, Token: tok.bytes(), Options: Options{{Number: Inquiry}}}
}

// AnswersInquiries says that the peer is an endpoint of this package, where nothing else is
// known of it yet, as it is after SetPeer: then it is asked after what takes long.
func (c *Conn) AnswersInquiries() { c.answersInquiries.Store(true) }

// inquires reports whether the peer may be sent an inquiry.
func (c *Conn) inquires() bool { return c.terms().peerKnown || c.answersInquiries.Load() }

func (m *Message) isInquiry() bool {
	return m.Type == Confirmable && m.Code == GET && m.Options.Has(Inquiry)
}

// receiveInquiry answers the question whether a response will come. It keeps nothing:
// asked again it answers again.
func (c *Conn) receiveInquiry(m *Message) {
	c.mu.Lock()
	answer := &Message{Type: Acknowledgement, Code: NotFound, MessageID: m.MessageID, Token: m.Token}
	if c.owes(tokenOf(m.Token)) {
		answer.Code, answer.Token = Empty, nil
		if c.pathID() != c.lastPath { // see vigil
			answer.Code, answer.Token = Changed, m.Token
		}
	}
	c.mu.Unlock()
	if data, err := AppendMessage(nil, answer); err == nil {
		c.write(trace.Sent, data)
	}
}

// owes reports whether the peer may expect something under a token. c.mu is held.
func (c *Conn) owes(tok token) bool {
	sending := c.sending[tok]
	return c.attended[tok] > 0 || sending != nil && sending.expected() || c.observers[tok] != nil ||
		// Of a block that is being read only the transfer is known.
		c.fetching > 0 || slices.ContainsFunc(c.downloads, func(d *download) bool { return d.token == tok })
}

// attend notes that a request of that token is being served, until the function it
// returns is called: when the peer has the response, or will not get one.
func (c *Conn) attend(tok token) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.attended == nil {
		c.attended = make(map[token]int)
	}
	c.attended[tok]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.attended[tok]--; c.attended[tok] == 0 {
			delete(c.attended, tok)
		}
		if len(c.attended) == 0 {
			c.attended = nil // an idle session needs no room
		}
	}
}

// inquired is what the answer to an inquiry says of the request.
func inquired(answer *Message) error {
	if answer.Code == NotFound {
		return ErrForgotten
	}
	return nil
}
