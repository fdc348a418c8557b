package dtls

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rec makes a record.
func rec(typ byte, epoch byte, body ...byte) []byte {
	b := []byte{typ, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1}
	if typ == typeCID {
		b = append(b, 0x12, 0x34)
	}
	return append(append(b, 0, byte(len(body))), body...)
}

func TestSieve(t *testing.T) {
	message := make([]byte, handshakeHeader)
	for _, tc := range []struct {
		name   string
		record []byte
		passes bool
	}{
		{"handshake", rec(typeHandshake, 0, message...), true},
		{"handshake too short", rec(typeHandshake, 0, message[1:]...), false},
		{"protected handshake", rec(typeHandshake, 1, 1, 2, 3), true},
		{"change cipher spec", rec(typeChangeCipherSpec, 0, 1), true},
		{"change cipher spec of another value", rec(typeChangeCipherSpec, 0, 2), false},
		{"change cipher spec too long", rec(typeChangeCipherSpec, 0, 1, 1), false},
		{"alert", rec(typeAlert, 0, 2, 40), true},
		{"alert cut short", rec(typeAlert, 0, 2), false},
		{"protected alert", rec(typeAlert, 1, 2, 40), true},
		{"application data in clear", rec(typeApplicationData, 0, 1), false},
		{"application data", rec(typeApplicationData, 1, 1), true},
		{"with Connection ID", rec(typeCID, 1, 1), true},
		{"with Connection ID in clear", rec(typeCID, 0, 1), false},
		{"unknown type", rec(24, 1, 1), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			good := rec(typeHandshake, 0, message...)
			want := bytes.Clone(good)
			if tc.passes {
				want = append(want, tc.record...)
			}
			want = append(want, good...)
			assert.Equal(t, want, sieve(bytes.Join([][]byte{good, tc.record, good}, nil), shortCIDLen))
		})
	}
	t.Run("cut", func(t *testing.T) {
		b := append(rec(typeHandshake, 0, message...), rec(typeCID, 1, 1, 2)...)
		for n := range len(b) {
			if n != len(rec(typeHandshake, 0, message...)) {
				assert.Empty(t, sieve(b[:n], shortCIDLen), n)
			}
		}
	})
}

func TestCIDAllocator(t *testing.T) {
	a := newCIDAllocator()
	taken := map[cid]bool{}
	var worn cidSet
	for range cidValues {
		c, ok := a.allocate(func(c cid) bool { return taken[c] }, worn.has)
		require.True(t, ok)
		require.False(t, taken[c], "unique")
		require.Equal(t, shortCID, shortCIDLen(c.bytes()[0]))
		back, ok := parseCID(c.bytes())
		require.True(t, ok)
		require.Equal(t, c, back)
		taken[c] = true
	}
	_, ok := a.allocate(func(c cid) bool { return taken[c] }, worn.has)
	assert.False(t, ok, "all are taken")
	delete(taken, 77)
	c, ok := a.allocate(func(c cid) bool { return taken[c] }, worn.has)
	assert.True(t, ok)
	assert.Equal(t, cid(77), c)
	assert.Negative(t, shortCIDLen(0x80), "kept for three bytes")
}

// A value rests until all others were used.
func TestCIDRests(t *testing.T) {
	a := newCIDAllocator()
	free := func(cid) bool { return false }
	first, _ := a.allocate(free, free)
	for range cidValues - 1 {
		c, _ := a.allocate(free, free)
		require.NotEqual(t, first, c)
	}
	c, _ := a.allocate(free, free)
	assert.Equal(t, first, c)
}

func helloRecord() []byte {
	body := append([]byte{msgClientHello, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42, 0xfe, 0xfd}, bytes.Repeat([]byte{9}, 32)...)
	body = append(body, 0, 0, 0, 4, 0xcc, 0xac, 0xc0, 0xa8)
	return rec(typeHandshake, 0, body...)
}

func TestParseClientHello(t *testing.T) {
	r, _, ok := nextRecord(helloRecord(), shortCIDLen)
	require.True(t, ok)
	h, ok := parseClientHello(r)
	require.True(t, ok)
	assert.Equal(t, clientHello{first: true, random: [32]byte(bytes.Repeat([]byte{9}, 32)), suites: []Suite{ECDHEPSKWithChaCha20, PSKWithAES128CCM8}}, h)
	for n := range len(r.body) {
		_, ok := parseClientHello(record{typ: typeHandshake, body: r.body[:n]})
		assert.False(t, ok, n)
	}
}

// longSessionID is a whole ClientHello whose session_id takes all of its one byte
// of length.
func longSessionID() []byte {
	b := append([]byte{0xfe, 0xfd}, make([]byte, 32)...)
	b = append(append(b, 255), make([]byte, 255)...)
	b = append(b, 0, 0, 2, 0xcc, 0xac) // no cookie, one suite
	header := []byte{msgClientHello, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(header[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(header[10:], uint16(len(b)))
	record := rec(typeHandshake, 0)[:recordHeader-2]
	record = binary.BigEndian.AppendUint16(record, uint16(len(header)+len(b)))
	return append(append(record, header...), b...)
}

func TestClientHelloWithLongSessionID(t *testing.T) {
	r, _, ok := nextRecord(longSessionID(), shortCIDLen)
	require.True(t, ok)
	h, ok := parseClientHello(r)
	require.True(t, ok)
	assert.Equal(t, []Suite{ECDHEPSKWithChaCha20}, h.suites)
}

func FuzzRecords(f *testing.F) {
	f.Add(helloRecord())
	f.Add(longSessionID())
	f.Add(append(rec(typeHandshake, 0, make([]byte, 12)...), rec(typeCID, 1, 1, 2, 3)...))
	f.Add(rec(typeAlert, 0, 2, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		first, id, ok := routing(b)
		if ok {
			parseClientHello(first)
			if id != nil {
				_, ok := parseCID(id)
				require.True(t, ok)
			}
		}
		sieved := sieve(b, shortCIDLen)
		require.LessOrEqual(t, len(sieved), len(b))
		if len(sieved) > 0 {
			require.True(t, ok)
			require.Equal(t, sieved, sieve(sieved, shortCIDLen), "what passed passes again")
		}
	})
}
