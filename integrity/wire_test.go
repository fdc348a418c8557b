package integrity

import (
	"bytes"
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

func TestParse(t *testing.T) {
	k := newStationKeys(boat())
	h := hello{nonce{1, 2}, "OE1XYZ-7"}
	b := h.seal(k.hello)
	got, ok := parseHello(b)
	require.True(t, ok)
	assert.Equal(t, h, got)
	for name, bad := range map[string][]byte{
		"short": b[:17], "version": append([]byte{0, 2}, b[2:]...), "lower case": bytes.ToLower(b),
		"no call": append(b[:helloHeader:helloHeader], make([]byte, tagSize)...),
		"long":    append(b[:helloHeader:helloHeader], bytes.Repeat([]byte{'A'}, MaxCall+1+tagSize)...),
	} {
		_, ok := parseHello(bad)
		assert.False(t, ok, name)
	}
	_, ok = parseWelcome(welcome{0, nonce{}}.seal(k.welcome, b))
	assert.False(t, ok, "no such session")
	_, ok = parseRecord(make([]byte, overhead-1))
	assert.False(t, ok)
}

func TestConfigErrors(t *testing.T) {
	var e *StationError
	for _, s := range [][]Station{
		{{Call: "oe1xyz", Key: make([]byte, 16)}}, {{Call: "", Key: make([]byte, 16)}},
		{{Call: "OE1XYZ", Key: make([]byte, 15)}}, {boat(), boat()},
	} {
		_, err := Listen(nil, Config{Stations: s})
		require.ErrorAs(t, err, &e)
		assert.NotEmpty(t, e.Error())
	}
	_, err := Listen(nil, Config{})
	require.Error(t, err)
	_, err = Listen(nil, Config{Stations: make([]Station, MaxStations+1)})
	require.Error(t, err)
	for _, cfg := range []Config{{Station: boat()}, {Profile: link.Default()}} {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		_, err = Dial(context.Background(), pc, pc.LocalAddr(), cfg)
		require.Error(t, err)
		require.ErrorIs(t, pc.Close(), net.ErrClosed, "a Dial that fails closes its socket")
	}
}

// discard is a socket that nothing comes from.
type discard struct{ net.PacketConn }

func (discard) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }

// FuzzDatagram gives both ends anything. What is not sealed with a key that the fuzzer
// does not have must change nothing.
func FuzzDatagram(f *testing.F) {
	k := newStationKeys(boat())
	h := hello{nonce{1}, boat().Call}.seal(k.hello)
	s := newSecrets(boat(), 9, nonce{1}, nonce{2})
	up := record{9, 7, []byte("up")}.seal(s.keys.up)
	f.Add(h)
	f.Add(welcome{9, nonce{2}}.seal(k.welcome, h))
	f.Add(up)
	f.Add(record{9, 7, nil}.seal(s.keys.down))
	f.Add(sealReset(record{9, 7, nil}, tagOf(up), k.reset))
	f.Fuzz(func(t *testing.T, b []byte) {
		st := &station{Station: Station{Call: boat().Call, Key: bytes.Repeat([]byte{9}, MinKey)}, number: 9}
		st.keys = newStationKeys(st.Station)
		l := &Listener{pc: discard{}, byCall: map[string]*station{st.Call: st}, accepted: newAcceptQueue(), waking: newSemaphore()}
		l.byNumber[9] = st
		st.pending = []pendingSession{{secrets: newSecrets(st.Station, 9, nonce{1}, nonce{2})}}
		if len(b) > 0 {
			l.deliver(b, address(clientAddress))
		}
		assert.Nil(t, st.session)
		assert.Len(t, st.pending, 1)
		c := &Conn{
			below: l, secrets: st.pending[0].secrets, resetKey: st.keys.reset, numbers: newLedger(), in: newInbox(),
		}
		c.sent.add(7, make([]byte, tagSize))
		assert.False(t, c.receive(b, address(clientAddress)))
		c.checkReset(b)
		_, err := c.numbers.take()
		assert.NoError(t, err, "the session lives")
		parseWelcome(b)
	})
}

// FuzzStored reads anything as a stored session; what is read is written the same.
func FuzzStored(f *testing.F) {
	f.Add(newSecrets(boat(), 9, nonce{1}, nonce{2}).marshal())
	f.Add(counters{incarnation: 3, send: 512, received: window{5, 1}}.marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseSecrets(b); err == nil {
			assert.Equal(t, b, s.marshal())
		}
		if c, err := parseCounters(b); err == nil {
			assert.Equal(t, b, c.marshal())
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	s := newSecrets(boat(), 9, nonce{1}, nonce{2})
	payload := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if r := (record{9, 1, payload}).seal(s.keys.up); !authentic(r, s.keys.up, nil) {
			b.Fatal("not authentic")
		}
	}
}
