package hour

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/paths"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/inspect"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// Causes of bytes, as the page has them.
const (
	causeSync    = "sync"
	causeSend    = "messages"
	causeReceipt = "receipts"
	causeTyping  = "typing"
	causeKeys    = "keys"
	causeStart   = "coming up"
	causeSession = "handshake, and what was lost"
)

// causes are the rows of the page, in order.
func causes() []string {
	return []string{causeSync, causeSend, causeReceipt, causeTyping, causeKeys, causeStart, causeSession}
}

// causeOf sums up a route.
func causeOf(route string) string {
	for _, row := range []struct{ part, cause string }{
		{"/sync", causeSync}, {"/send/", causeSend}, {"/receipt/", causeReceipt}, {"/read_markers", causeReceipt},
		{"/typing/", causeTyping}, {"/keys/", causeKeys}, {"/sendToDevice/", causeKeys},
	} {
		if strings.Contains(route, row.part) {
			return row.cause
		}
	}
	return causeStart
}

// A ledger says what each message of a session was for. It reads all that the client's
// end sends and receives.
type ledger struct {
	mu           sync.Mutex
	conversation *inspect.Conversation
	exchanges    map[string]*exchange // by token
	// numbered are exchanges by what a later message without a token refers to: who sent
	// the message and its ID.
	numbered map[number]*exchange
	all      []*exchange
	// record is what DTLS adds to a message, up and down, in bytes.
	record [2]int64
}

type number struct {
	up bool
	id uint16
}

// exchange is a request and all that belongs to it.
type exchange struct {
	route string // empty while it is not known
	// datagrams and bytes, up and down.
	datagrams, bytes [2]int64
}

func newLedger(f *wire2.Format) *ledger {
	return &ledger{
		conversation: inspect.NewConversation(f, home),
		exchanges:    make(map[string]*exchange), numbered: make(map[number]*exchange),
	}
}

// serverRecord is what the server's records add, which carry no Connection ID, in bytes;
// see TestRecordOverhead of package dtls.
const serverRecord = 29

// tap lets the ledger read what a session says.
func (l *ledger) tap(c *dtls.Conn) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record = [2]int64{int64(c.Overhead()), serverRecord}
	return &conn{c, l}
}

// conn tells the ledger what its session says.
type conn struct {
	*dtls.Conn
	ledger *ledger
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil {
		c.ledger.message(false, p[:n])
	}
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	c.ledger.message(true, p)
	return c.Conn.Write(p)
}

// direction is an index: up or down.
func direction(up bool) int {
	if up {
		return 0
	}
	return 1
}

// message books a CoAP message.
func (l *ledger) message(up bool, data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, err := endpoint.ParseMessage(data)
	if err != nil {
		return
	}
	x := l.exchangeOf(up, &m)
	x.datagrams[direction(up)]++
	x.bytes[direction(up)] += int64(len(data))
	var report inspect.Report
	l.conversation.Message(&report, data)
	if x.route != "" || !m.Code.IsRequest() {
		return
	}
	var segments []string
	for _, segment := range m.Options.GetAll(endpoint.URIPath) {
		segments = append(segments, string(segment))
	}
	if len(segments) > 0 {
		if x.route, err = new(paths.Table).Expand(segments, paths.Form{}); err != nil {
			x.route = "/" + strings.Join(segments, "/")
		}
		return
	}
	for _, line := range report.Lines {
		for _, prefix := range []string{"route: ", "target: "} {
			if route, found := strings.CutPrefix(line.Text, prefix); found {
				x.route, _, _ = strings.Cut(route, " (")
			}
		}
	}
}

// exchangeOf finds what a message belongs to.
func (l *ledger) exchangeOf(up bool, m *endpoint.Message) *exchange {
	var x *exchange
	switch {
	case m.Code == endpoint.Empty: // an acknowledgement or a reset of the other end's message
		x = l.numbered[number{!up, m.MessageID}]
	case m.Code.IsRequest():
		x = l.exchanges[string(m.Token)]
		if x == nil || !continues(m) && l.numbered[number{up, m.MessageID}] != x {
			x = &exchange{}
			l.exchanges[string(m.Token)] = x
			l.all = append(l.all, x)
		}
	default:
		x = l.exchanges[string(m.Token)]
	}
	if x == nil {
		x = &exchange{route: "unknown"}
		l.all = append(l.all, x)
	}
	l.numbered[number{up, m.MessageID}] = x
	return x
}

// continues reports whether a request brings or asks for another block, or asks whether the
// other end still works on the answer.
func continues(m *endpoint.Message) bool {
	if m.Options.Has(endpoint.Inquiry) {
		return true
	}
	for _, n := range []endpoint.OptionNumber{endpoint.Block1, endpoint.Block2, endpoint.QBlock1, endpoint.QBlock2} {
		if value, ok := m.Options.GetUint(n); ok && value>>4 > 0 {
			return true
		}
	}
	return false
}

// bytesByCause are the bytes on the link, up and down, with all overhead.
func (l *ledger) bytesByCause(t *testing.T, s linkemu.Stats, overhead int64) map[string][2]int64 {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	total := [2]int64{s.Up.Bytes, s.Down.Bytes}
	out := make(map[string][2]int64)
	routes := make(map[string]int64)
	for i := range total {
		for _, x := range l.all {
			bytes := x.bytes[i] + x.datagrams[i]*(l.record[i]+overhead)
			sum := out[causeOf(x.route)]
			sum[i] += bytes
			out[causeOf(x.route)] = sum
			routes[x.route] += bytes
			total[i] -= bytes
		}
		rest := out[causeSession]
		rest[i] = total[i]
		out[causeSession] = rest
	}
	assert.GreaterOrEqual(t, total[0], int64(0))
	assert.GreaterOrEqual(t, total[1], int64(0))
	require.Less(t, routes["unknown"], (s.Up.Bytes+s.Down.Bytes)/50, "what was not understood")
	for _, route := range slices.Sorted(maps.Keys(routes)) {
		t.Logf("%8d B  %s", routes[route], route)
	}
	return out
}
