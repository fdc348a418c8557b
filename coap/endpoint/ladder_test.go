package endpoint

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

// A ladder is one side of a message exchange played by hand against a Conn, in
// virtual time. Each line is one step:
//
//	> CON GET #0001 t=aa /a/b ?q=1 Accept=60       the peer sends this
//	< ACK 2.05 #0001 t=aa "text"                   the Conn sends this, now
//	< CON GET #x t=$t /a        @2s..3s            … within that time from the last step
//	~ 10s                                          the Conn sends nothing for so long
//	> CON 2.05 #0002 t=$t [0:64] Block2=0/1/64     bytes 0 to 64 of the test body
//
// A message ID or a token that is a name (#x, t=$t) is learnt from the first
// message of the Conn that shows it. An expected message must match in every part.
type ladder struct {
	t     *testing.T
	conn  *Conn
	peer  *datagrams
	mids  map[string]uint16
	toks  map[string][]byte
	clock time.Time
}

// climb runs f on a ladder in a bubble of virtual time, and checks at the end
// that the session leaves nothing behind.
func climb(t *testing.T, cfg Config, f func(l *ladder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := datagramPipe()
		l := &ladder{t: t, conn: New(ours, cfg), peer: theirs,
			mids: map[string]uint16{}, toks: map[string][]byte{}, clock: time.Now()}
		defer l.conn.Wait()
		defer l.conn.Close()
		f(l)
	})
}

// play is climb for a test that is nothing but steps.
func play(t *testing.T, cfg Config, steps string) {
	t.Helper()
	climb(t, cfg, func(l *ladder) {
		l.t.Helper()
		l.run(steps)
	})
}

// ask has a Conn send a request, plays the server, and returns what came of it.
func ask(t *testing.T, cfg Config, r *Request, steps string) (got outcome) {
	t.Helper()
	climb(t, cfg, func(l *ladder) {
		l.t.Helper()
		result := l.do(l.t.Context(), r)
		l.run(steps)
		got = <-result
	})
	return got
}

func (l *ladder) run(steps string) {
	l.t.Helper()
	for _, line := range strings.Split(steps, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "> "):
			l.send(line[2:])
		case strings.HasPrefix(line, "< "):
			l.expect(line[2:])
		case strings.HasPrefix(line, "~ "):
			l.silence(line[2:])
		default:
			l.t.Fatalf("bad ladder line %q", line)
		}
	}
}

func (l *ladder) send(line string) {
	l.t.Helper()
	m := l.parse(line, nil)
	data, err := AppendMessage(nil, &m)
	require.NoError(l.t, err)
	l.raw(data)
}

// raw sends a datagram as it is.
func (l *ladder) raw(data []byte) {
	l.clock = time.Now()
	_, err := l.peer.Write(data)
	require.NoError(l.t, err)
	synctest.Wait()
}

func (l *ladder) expect(line string) {
	l.t.Helper()
	from, to := time.Duration(0), time.Duration(0)
	if i := strings.Index(line, "@"); i >= 0 {
		lo, hi, ok := strings.Cut(strings.TrimSpace(line[i+1:]), "..")
		require.True(l.t, ok, "time must be from..to: %s", line)
		from, to = l.duration(lo), l.duration(hi)
		line = strings.TrimSpace(line[:i])
	}
	synctest.Wait()
	data, ok := l.peer.next(time.Until(l.clock.Add(to)))
	require.True(l.t, ok, "nothing was sent; expected: %s", line)
	got, err := ParseMessage(data)
	require.NoError(l.t, err)
	want := l.parse(line, &got)
	require.Equal(l.t, describe(&want), describe(&got), "expected: %s", line)
	elapsed := time.Since(l.clock)
	require.GreaterOrEqual(l.t, elapsed, from, "too early: %s", line)
	l.clock = time.Now()
}

func (l *ladder) silence(d string) {
	l.t.Helper()
	if data, ok := l.peer.next(l.duration(d)); ok {
		m, _ := ParseMessage(data)
		l.t.Fatalf("unexpected after %v: %s", time.Since(l.clock), describe(&m))
	}
	l.clock = time.Now()
}

func (l *ladder) duration(s string) time.Duration {
	l.t.Helper()
	d, err := time.ParseDuration(strings.TrimSpace(s))
	require.NoError(l.t, err)
	return d
}

var typeNames = []string{"CON", "NON", "ACK", "RST"}
var methodNames = []string{"EMPTY", "GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "IPATCH"}

// namedOptions are the options that ladders write by name; h is a number in
// hexadecimal bytes, u an unsigned integer, b a block.
var namedOptions = []struct {
	name   string
	number OptionNumber
	format byte
}{
	{"ETag", ETag, 'h'}, {"Observe", Observe, 'u'}, {"ContentFormat", ContentFormat, 'u'}, {"MaxAge", MaxAge, 'u'},
	{"Accept", Accept, 'u'}, {"Block1", Block1, 'b'}, {"Block2", Block2, 'b'}, {"QBlock1", QBlock1, 'b'}, {"QBlock2", QBlock2, 'b'}, {"Size1", Size1, 'u'},
	{"Size2", Size2, 'u'}, {"RequestTag", RequestTag, 'h'},
}

// parse makes a message of a ladder line. Names are learnt from got if given.
func (l *ladder) parse(line string, got *Message) Message {
	l.t.Helper()
	line, text, quoted := strings.Cut(line, `"`)
	words := strings.Fields(line)
	require.GreaterOrEqual(l.t, len(words), 3, "bad message %q", line)
	m := Message{Type: 255, Code: 255}
	for i, n := range typeNames {
		if n == words[0] {
			m.Type = Type(i)
		}
	}
	for i, n := range methodNames {
		if n == words[1] {
			m.Code = Code(i)
		}
	}
	if class, detail, ok := strings.Cut(words[1], "."); ok {
		c, err := strconv.Atoi(class)
		require.NoError(l.t, err)
		d, err := strconv.Atoi(detail)
		require.NoError(l.t, err)
		m.Code = Code(c<<5 | d)
	}
	require.True(l.t, m.Type != 255 && m.Code != 255, "bad message %q", line)
	if quoted {
		m.Payload = []byte(strings.TrimSuffix(text, `"`))
	}
	for _, w := range words[2:] {
		name, value, _ := strings.Cut(w, "=")
		switch {
		case w[0] == '#':
			m.MessageID = l.mid(w[1:], got)
		case strings.HasPrefix(w, "t="):
			m.Token = l.token(value, got)
		case w[0] == '/':
			for _, s := range strings.Split(w[1:], "/") {
				m.Options = m.Options.AddString(URIPath, s)
			}
		case w[0] == '?':
			m.Options = m.Options.AddString(URIQuery, w[1:])
		case w[0] == '[':
			var a, b int
			_, err := fmt.Sscanf(w, "[%d:%d]", &a, &b)
			require.NoError(l.t, err)
			m.Payload = testBody(b)[a:]
		default:
			m.Options = l.option(m.Options, name, value)
		}
	}
	return m
}

func (l *ladder) option(opts Options, name, value string) Options {
	l.t.Helper()
	for _, o := range namedOptions {
		if o.name != name {
			continue
		}
		switch o.format {
		case 'h':
			return opts.Add(o.number, l.hex(value))
		case 'b':
			var num, more, size uint32
			_, err := fmt.Sscanf(value, "%d/%d/%d", &num, &more, &size)
			require.NoError(l.t, err)
			szx := uint32(0)
			for 16<<szx < size {
				szx++
			}
			return opts.AddUint(o.number, num<<4|more<<3|szx)
		}
		n, err := strconv.ParseUint(value, 10, 32)
		require.NoError(l.t, err)
		return opts.AddUint(o.number, uint32(n))
	}
	n, err := strconv.Atoi(strings.TrimPrefix(name, "O"))
	require.NoError(l.t, err, "unknown option %s", name)
	return opts.Add(OptionNumber(n), l.hex(value))
}

func (l *ladder) hex(s string) []byte {
	l.t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(l.t, err)
	return b
}

func (l *ladder) mid(name string, got *Message) uint16 {
	l.t.Helper()
	if n, err := strconv.ParseUint(name, 16, 16); err == nil && len(name) == 4 {
		return uint16(n)
	}
	if _, known := l.mids[name]; !known {
		require.NotNil(l.t, got, "message ID %s is not known yet", name)
		l.mids[name] = got.MessageID
	}
	return l.mids[name]
}

func (l *ladder) token(name string, got *Message) []byte {
	l.t.Helper()
	if !strings.HasPrefix(name, "$") {
		return l.hex(name)
	}
	if _, known := l.toks[name]; !known {
		require.NotNil(l.t, got, "token %s is not known yet", name)
		l.toks[name] = got.Token
	}
	return l.toks[name]
}

// describe writes a message on one line, wholly.
func describe(m *Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s #%04x t=%x", typeNames[m.Type&3], m.Code, m.MessageID, m.Token)
	for _, o := range m.Options {
		fmt.Fprintf(&b, " %d=", o.Number)
		switch {
		case slices.Contains([]OptionNumber{Block1, Block2, QBlock1, QBlock2}, o.Number) && len(o.Value) <= 3:
			v := DecodeUint(o.Value)
			fmt.Fprintf(&b, "%d/%d/%d", v>>4, v>>3&1, 16<<(v&7))
		case o.Number == URIPath || o.Number == URIQuery:
			fmt.Fprintf(&b, "%q", o.Value)
		default:
			fmt.Fprintf(&b, "%x", o.Value)
		}
	}
	if len(m.Payload) > 0 {
		fmt.Fprintf(&b, " [%d]%q", len(m.Payload), m.Payload)
	}
	return b.String()
}

// testBody is n bytes in which no two blocks are alike.
func testBody(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>4*7 ^ i>>11*13)
	}
	return b
}

// testProfile is the default without jitter, so that ladders tell exact times.
func testProfile() link.Profile {
	p := link.Default()
	p.AckRandomFactor = 1
	return p
}

// datagrams is one end of an in-memory connection that keeps datagram boundaries.
type datagrams struct {
	in       chan []byte
	out      chan []byte
	done     chan struct{}
	peerDone chan struct{}
	errs     chan error // what Read returns next instead of a datagram
}

func datagramPipe() (a, b *datagrams) {
	ab, ba := make(chan []byte, 4096), make(chan []byte, 4096)
	a = &datagrams{in: ba, out: ab, done: make(chan struct{}), errs: make(chan error, 8)}
	b = &datagrams{in: ab, out: ba, done: make(chan struct{}), errs: make(chan error, 8)}
	a.peerDone, b.peerDone = b.done, a.done
	return a, b
}

func (d *datagrams) Read(p []byte) (int, error) {
	select {
	case data := <-d.in:
		return copy(p, data), nil
	case err := <-d.errs:
		return 0, err
	case <-d.done:
		return 0, net.ErrClosed
	}
}

func (d *datagrams) Write(p []byte) (int, error) {
	select {
	case <-d.done:
		return 0, net.ErrClosed
	case d.out <- append([]byte(nil), p...):
		return len(p), nil
	}
}

// next returns the next datagram that arrives within the time.
func (d *datagrams) next(within time.Duration) ([]byte, bool) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case data := <-d.in:
		return data, true
	case <-timer.C:
		synctest.Wait()
	}
	select {
	case data := <-d.in: // sent at the very last moment
		return data, true
	default:
		return nil, false
	}
}

func (d *datagrams) Close() error { close(d.done); return nil }

func (d *datagrams) LocalAddr() net.Addr              { return &net.UDPAddr{} }
func (d *datagrams) RemoteAddr() net.Addr             { return &net.UDPAddr{} }
func (d *datagrams) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (d *datagrams) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (d *datagrams) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
