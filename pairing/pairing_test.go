package pairing

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func full() Pairing {
	f := Fingerprint{1, 2, 3}
	return Pairing{
		Addresses:   []string{"gw.example:5684", "[2001:db8::1]:5684"},
		PSK:         PSK{Identity: "k3x9Qm2T", Key: wantKey()},
		Fingerprint: &f,
		Homeserver:  "example.org",
	}
}

const hexKey = "000102030405060708090a0b0c0d0e0f"

func wantKey() Key { return Key{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} }

// line makes a pairing line of any content.
func line(t *testing.T, content any) string {
	t.Helper()
	b, ok := content.([]byte)
	if !ok {
		var err error
		b, err = cbor.Marshal(content)
		require.NoError(t, err)
	}
	return pairingPrefix + base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, pairingSum(b)))
}

// The line is a format that others may have printed: it must not change.
func TestPairingGolden(t *testing.T) {
	p := Pairing{Addresses: []string{"gw.example:5684"}, PSK: PSK{Identity: "k3x9Qm2T", Key: wantKey()}, Homeserver: "example.org"}
	const golden = "coapgw:1:pAGBb2d3LmV4YW1wbGU6NTY4NAJoazN4OVFtMlQDUAABAgMEBQYHCAkKCwwNDg8Fa2V4YW1wbGUub3Jno8Cm8w"
	s, err := p.Secret()
	require.NoError(t, err)
	assert.Equal(t, golden, s)
	got, err := Parse(golden)
	require.NoError(t, err)
	assert.Equal(t, p, got)
}

func TestPairingRoundTrip(t *testing.T) {
	all := full()
	pskOnly := all
	pskOnly.Fingerprint = nil
	certOnly := all
	certOnly.PSK = PSK{}
	certOnly.Homeserver = ""
	for _, p := range []Pairing{all, pskOnly, certOnly} {
		s, err := p.Secret()
		require.NoError(t, err)
		got, err := Parse(s)
		require.NoError(t, err)
		assert.Equal(t, p, got)

		broken := "  " + s[:20] + "\r\n  " + s[20:] + "\n"
		got, err = Parse(broken)
		require.NoError(t, err, "white space of a mail program")
		assert.Equal(t, p, got)
		assert.NotContains(t, p.String(), hexKey)
		assert.NotContains(t, p.LogValue().String(), hexKey)
	}
}

func TestPairingAddresses(t *testing.T) {
	for _, address := range []string{"gw.example", "gw.example:5684", "192.0.2.7", "192.0.2.7:1", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:5684"} {
		p := full()
		p.Addresses = []string{address}
		_, err := p.Secret()
		assert.NoError(t, err, address)
	}
	for _, address := range []string{"", ":5684", "gw:", "gw:0", "gw:65536", "gw:coaps", "coaps://gw", "coaps://gw:5684", "gw/x", "me@gw", "[gw", "g w", "\x1b[2J"} {
		p := full()
		p.Addresses = []string{address}
		_, err := p.Secret()
		var pe *Error
		assert.ErrorAs(t, err, &pe, address)
	}
}

// Every single wrong, missing or doubled character is told as such.
func TestPairingTypos(t *testing.T) {
	s, err := full().Secret()
	require.NoError(t, err)
	for i := len(pairingPrefix); i < len(s); i++ {
		other := byte('A')
		if s[i] == other {
			other = 'B'
		}
		for _, typo := range []string{
			s[:i] + string(other) + s[i+1:],
			s[:i] + s[i+1:],
			s[:i] + s[i:i+1] + s[i:],
			s[:i],
		} {
			_, err := Parse(typo)
			require.ErrorIs(t, err, ErrDamaged, typo)
		}
	}
}

func TestPairingRefuses(t *testing.T) {
	for name, in := range map[string]string{"empty": "", "address": "gw.example:5684", "prefix cut": "apgw:1:AAAA"} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(in)
			require.ErrorIs(t, err, ErrNone)
		})
	}
	t.Run("version", func(t *testing.T) {
		_, err := Parse("coapgw:2:AAAA")
		var ve *VersionError
		require.ErrorAs(t, err, &ve)
		assert.Equal(t, "2", ve.Version)
	})
	valid := func() map[int]any {
		return map[int]any{1: []string{"gw.example"}, 2: "id", 3: []byte(wantKey())}
	}
	with := func(k int, v any) map[int]any { m := valid(); m[k] = v; return m }
	for name, content := range map[string]any{
		"not CBOR":          []byte{0xff},
		"trailing bytes":    []byte{0xa0, 0xa0},
		"duplicate key":     []byte{0xa2, 2, 0x61, 'a', 2, 0x61, 'b'},
		"indefinite length": []byte{0xbf, 0xff},
		"array":             []any{1, 2},
		"no addresses":      with(1, []string{}),
		"many addresses":    with(1, strings.Split(strings.Repeat("a,", 16)+"a", ",")),
		"empty address":     with(1, []string{""}),
		"odd address":       with(1, []string{"gw example"}),
		"short key":         with(3, []byte("short")),
		"no identity":       with(2, ""),
		"no credentials":    map[int]any{1: []string{"gw.example"}},
		"short fingerprint": with(4, []byte{1}),
		"odd homeserver":    with(5, "a\nb"),
		"wrong type":        with(2, 7),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(line(t, content))
			var pe *Error
			require.ErrorAs(t, err, &pe)
		})
	}
	t.Run("too long", func(t *testing.T) {
		_, err := Parse(pairingPrefix + strings.Repeat("A", maxPairingLine))
		var pe *Error
		require.ErrorAs(t, err, &pe)
	})
	t.Run("unusable is not written", func(t *testing.T) {
		_, err := Pairing{Addresses: []string{"gw.example"}}.Secret()
		require.Error(t, err)
	})
}

// A newer program may say more; this one uses what it knows.
func TestPairingIgnoresUnknownFields(t *testing.T) {
	p, err := Parse(line(t, map[int]any{
		1: []string{"gw.example"}, 2: "id", 3: []byte(wantKey()), 99: map[string]any{"new": []int{1}}, -1: true,
	}))
	require.NoError(t, err)
	assert.Equal(t, Pairing{Addresses: []string{"gw.example"}, PSK: PSK{Identity: "id", Key: wantKey()}}, p)
}

func FuzzParse(f *testing.F) {
	s, err := full().Secret()
	require.NoError(f, err)
	f.Add(s)
	f.Add("coapgw:2:AAAA")
	f.Add("coapgw:1:")
	f.Fuzz(func(t *testing.T, in string) {
		p, err := Parse(in)
		if err != nil {
			require.Equal(t, Pairing{}, p)
			return
		}
		s, err := p.Secret()
		require.NoError(t, err)
		again, err := Parse(s)
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}

// The checksum keeps most mutations from the decoder, so it is fuzzed by itself.
func FuzzDecode(f *testing.F) {
	b, err := cbor.Marshal(map[int]any{1: []string{"gw.example"}, 2: "id", 3: []byte(wantKey())})
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte{0xbf, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePairing(b)
		if err != nil {
			return
		}
		_, err = p.Secret()
		require.NoError(t, err)
	})
}
