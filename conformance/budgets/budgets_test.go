package budgets

import (
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

var update = flag.Bool("update", false, "write what was measured into testdata/budgets.tsv")

// ipUDP is what IPv4 and UDP add to each datagram, in bytes.
const ipUDP = 28

// reference is what the reference proxy pair cost, and what issue and design
// allow at most.
var reference = map[string]row{
	"connect + versions":   {up: 593, down: 1235},
	"login":                {up: 165, down: 168},
	"send hello world":     {up: 169, down: 130},
	"send encrypted 300 B": {up: 581, down: 130},
	"sync, one message":    {up: 127, down: 409},
	"read receipt":         {up: 164, down: 83},
	"typing":               {up: 151, down: 83},
	"404":                  {up: 158, down: 150},
}

// bench is a session under measurement.
type bench struct {
	t         *testing.T
	link      *linkemu.Link
	transport *coap.Transport
	current   operation
}

// ServeHTTP is the homeserver: it answers as the operation says.
func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	assert.NoError(b.t, err)
	assert.Equal(b.t, b.current.body, string(body))
	assert.Equal(b.t, b.current.target, r.RequestURI)
	time.Sleep(b.current.hold) // virtual
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(b.current.status)
	_, _ = io.WriteString(w, b.current.answer)
}

// inSession runs f with a pair over an emulated link of 20 ms. foreign hides from
// Transport that its peer is a coapgw.
func inSession(t *testing.T, foreign bool, f func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t}
		const delay = 20 * time.Millisecond
		b.link = linkemu.New(linkemu.Config{Up: linkemu.Direction{Delay: delay}, Down: linkemu.Direction{Delay: delay}, Overhead: ipUDP})
		defer b.link.Close()
		psk := keys.PSK{Identity: "ship", Key: []byte("0123456789abcdef")}
		l, err := dtls.Listen(b.link.Listen(), dtls.Config{Profile: link.Default(), Keys: keys.PSKs{psk.Identity: psk.Key}.Lookup})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(context.Background())
		served := make(chan error)
		go func() { served <- serve(ctx, l, b, foreign) }()
		transport := &coap.Transport{}
		transport.Dial = func(ctx context.Context) (net.Conn, error) {
			pc := b.link.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40000})
			return dtls.Dial(ctx, pc, linkemu.FarAddr(), dtls.Config{Profile: link.Default(), Identity: psk.Identity, Key: psk.Key})
		}
		b.transport = transport
		f(b)
		require.NoError(t, transport.Close())
		stop()
		require.NoError(t, <-served)
	})
}

func serve(ctx context.Context, l net.Listener, h http.Handler, foreign bool) error {
	if foreign {
		l = foreignListener{l}
	}
	return (&coap.Server{Handler: h}).Serve(ctx, l)
}

// run sends the operation and returns what it cost, the datagrams that follow the
// answer included.
func (b *bench) run(op operation) row {
	b.current = op
	before := b.link.Stats()
	var body io.Reader
	if op.body != "" {
		body = strings.NewReader(op.body)
	}
	r, err := http.NewRequest(op.method, "http://link"+op.target, body)
	require.NoError(b.t, err)
	if op.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if op.token != "" {
		r.Header.Set("Authorization", "Bearer "+op.token)
	}
	resp, err := b.transport.RoundTrip(r)
	require.NoError(b.t, err)
	got, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	require.NoError(b.t, resp.Body.Close())
	require.Equal(b.t, op.status, resp.StatusCode)
	require.Equal(b.t, op.answer, string(got))
	time.Sleep(time.Second) // virtual: whatever was held back has left
	after := b.link.Stats()
	return row{
		up: int(after.Up.Bytes - before.Up.Bytes), down: int(after.Down.Bytes - before.Down.Bytes),
		datagramsUp: int(after.Up.Datagrams - before.Up.Datagrams), datagramsDown: int(after.Down.Datagrams - before.Down.Datagrams),
	}
}

// warm brings the session to where the token has its slot.
func (b *bench) warm() {
	b.run(versions)
	b.run(operation{
		name: "whoami", method: "GET", target: "/_matrix/client/v3/account/whoami", token: token, status: 200,
		answer: `{"user_id":"@alice:localhost","device_id":"4zW5G9a_","is_guest":false}`,
	})
}

// v3 is the operation under its /v3/ path.
func (o operation) v3() operation {
	o.target = strings.Replace(o.target, "/r0/", "/v3/", 1)
	return o
}

func TestBudgets(t *testing.T) {
	var order []key
	rows := make(map[key]row)
	note := func(k key, r row) { order, rows[k] = append(order, k), r }
	inSession(t, false, func(b *bench) {
		note(key{"connect + versions", "1", "-"}, b.run(versions))
	})
	inSession(t, false, func(b *bench) {
		b.warm()
		for _, op := range operations {
			note(key{op.name, "1", "r0"}, b.run(op))
			note(key{op.name, "1", "v3"}, b.run(op.v3()))
		}
	})
	inSession(t, true, func(b *bench) {
		b.warm()
		for _, op := range operations[1:] {
			note(key{op.name, "1 foreign", "r0"}, b.run(op))
			note(key{op.name, "1 foreign", "v3"}, b.run(op.v3()))
		}
	})
	for _, k := range order {
		if limit, ok := reference[k.operation]; ok && (k.path != "v3" || k.version == "1") {
			assert.LessOrEqual(t, rows[k].up, limit.up, "up: %v", k)
			assert.LessOrEqual(t, rows[k].down, limit.down, "down: %v", k)
		}
		r0 := rows[key{k.operation, k.version, "r0"}]
		switch {
		case k.path == "v3" && k.version == "1":
			assert.LessOrEqual(t, rows[k].up, r0.up+2, "a v3 path between two coapgw: %v", k)
		case k.path == "v3":
			assert.LessOrEqual(t, rows[k].up, r0.up+35, "a v3 path towards a foreign peer: %v", k)
		}
	}
	if *update {
		writeTable(t, order, rows)
	}
	checkReadme(t, readmeTable(order, rows))
	table := readTable(t)
	for _, k := range order {
		assert.Equal(t, table[k], rows[k], "%v: more than the budget is a regression, less is a reason to tighten it (-update)", k)
	}
	assert.Len(t, table, len(order))
}

// foreignListener makes a coapgw look like another server of MSC3079: it takes
// away every option of ours.
type foreignListener struct{ net.Listener }

func (l foreignListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return foreignConn{c}, nil
}

type foreignConn struct{ net.Conn }

// Read leaves out the elective options that a foreign server would ignore.
func (c foreignConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		return n, err
	}
	m, err := endpoint.ParseMessage(append([]byte(nil), p[:n]...))
	if err != nil {
		return n, nil
	}
	for _, number := range []endpoint.OptionNumber{coap.OptionGateway, coap.OptionForm, coap.OptionHeader} {
		m.Options = m.Options.Remove(number)
	}
	b, err := endpoint.AppendMessage(nil, &m)
	return copy(p, b), err
}

func (c foreignConn) Overhead() int        { return c.Conn.(interface{ Overhead() int }).Overhead() }
func (c foreignConn) PeerIdentity() string { return "" }
