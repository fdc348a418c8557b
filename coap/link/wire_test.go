package link

import (
	"encoding/hex"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestNumbers: each profile has one number, and keeps it.
func TestNumbers(t *testing.T) {
	assert.ElementsMatch(t, Names(), numbers[:])
	for name, number := range map[string]byte{"default": 0, "leo-broadband": 1, "hf-s5066-75": 12, "iridium-sbd": 16} {
		p, ok := ByName(name)
		require.True(t, ok)
		assert.Equal(t, []byte{number}, p.AppendWire(nil), name)
		back, err := ParseWire([]byte{number})
		require.NoError(t, err)
		assert.Equal(t, p, back)
	}
}

// TestFieldNumbers: they ascend, so that ParseWire finds each behind the one before.
func TestFieldNumbers(t *testing.T) {
	last := uint8(0)
	for _, f := range fields() {
		if f.wire != 0 {
			assert.Equal(t, last+1, f.wire, f.name)
			last = f.wire
		}
	}
	assert.EqualValues(t, 25, last)
}

func TestWire(t *testing.T) {
	for _, tt := range []struct{ text, wire string }{
		{"base=hf-vara500,rate-up=150,rate-down=150,ack-timeout=90s", "0d" + "01a109" + "0b410f" + "0c410f"},
		{"base=meshtastic-lf,mtu=200,block-size=64", "09" + "070140" + "082102"},
		{"base=nbiot-ce2,half-duplex=false,turnaround=0s,preamble=0s,max-turn=0s", "07" + "1300" + "1400" + "1500" + "1600"},
		{"base=geo-vsat,rate-up=1234.5,nstart=1,ack-random-factor=1.25,ack-timeout=20s,max-latency=20s", "02" + "01a102" + "02117d" + "040101" + "05a102" + "0b22" + "3039"},
		// What concerns the client alone does not travel.
		{"base=gprs,name=ours,flight-interval=10s,handshake-timeout=1h,keepalive=1m,loss-good=0.5", "06"},
		// The nearest profile counts, whichever it was made from.
		{"base=gprs,rate-up=20000,rate-down=40000,block-size=256", "06" + "070" + "2" + "0100"},
		{"overhead=28,ack-timeout=3s", "00" + "019103"},
	} {
		p, err := Parse(tt.text)
		require.NoError(t, err, tt.text)
		wire := p.AppendWire([]byte("x"))
		assert.Equal(t, "x", string(wire[:1]))
		assert.Equal(t, tt.wire, hex.EncodeToString(wire[1:]), tt.text)
		back, err := ParseWire(wire[1:])
		require.NoError(t, err)
		assertToldEqual(t, &p, &back)
	}
}

func TestParseWireErrors(t *testing.T) {
	for _, tt := range []struct {
		wire string
		err  error
	}{
		{"", ErrMalformed},
		{"11", ErrUnknownProfile},
		{"ff0101", ErrUnknownProfile},
		{"00" + "01", ErrMalformed},                          // no value
		{"00" + "01a1", ErrMalformed},                        // no mantissa
		{"00" + "01a2" + "01", ErrMalformed},                 // half of it
		{"00" + "01a109" + "01", ErrMalformed},               // rest
		{"00" + "0b410f" + "01a109", ErrMalformed},           // out of order
		{"00" + "01a109" + "01a109", ErrMalformed},           // twice
		{"00" + "1a0101", ErrMalformed},                      // an unknown field
		{"00" + "000101", ErrMalformed},                      // none
		{"00" + "01a2" + "0009", ErrMalformed},               // a leading zero
		{"00" + "01915a", ErrMalformed},                      // 90 × 10^9
		{"00" + "0590", ErrMalformed},                        // 0 × 10^9
		{"00" + "0b09" + "010101010101010101", ErrMalformed}, // nine bytes
		{"00" + "0b08" + "ffffffffffffffff", ErrMalformed},
		{"00" + "0bf2" + "0101", ErrMalformed},
		{"00" + "130102", ErrMalformed},              // half duplex is 2
		{"00" + "0805" + "0100000001", ErrMalformed}, // more than an int of 32 bits
	} {
		b, err := hex.DecodeString(tt.wire)
		require.NoError(t, err)
		p, err := ParseWire(b)
		require.ErrorIs(t, err, tt.err, tt.wire)
		assert.Zero(t, p)
	}
	var e *FieldError
	_, err := ParseWire([]byte{0, 4, 0x01, 65})
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "nstart", e.Field)
	// Whether timers fit is another question.
	p, err := ParseWire([]byte{12, 1, 0x91, 2})
	require.NoError(t, err)
	require.ErrorAs(t, p.Validate(), &e)
	assert.Equal(t, "ack-timeout", e.Field)
}

// TestWireRoundTrip: the other end gets what it needs of any profile that is valid,
// and that is valid too.
func TestWireRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := valid().Draw(t, "profile")
		wire := p.AppendWire(nil)
		back, err := ParseWire(wire)
		require.NoError(t, err)
		require.NoError(t, back.Validate())
		assertToldEqual(t, &p, &back)
		require.Equal(t, wire, back.AppendWire(nil))
		require.LessOrEqual(t, len(wire), 226)
	})
}

// assertToldEqual compares the fields that travel. Rates have three decimals.
func assertToldEqual(t require.TestingT, want, got *Profile) {
	for _, f := range fields() {
		if f.wire == 0 {
			continue
		}
		if w, ok := f.at(want).(*float64); ok {
			g := *f.at(got).(*float64)
			require.GreaterOrEqual(t, g, *w, f.name)
			require.InDelta(t, *w, g, 1.0/perUnit, f.name)
			continue
		}
		require.Equal(t, f.at(want), f.at(got), f.name)
	}
}

// valid draws profiles that differ from a built-in one in up to eight fields.
func valid() *rapid.Generator[Profile] {
	return rapid.Custom(func(t *rapid.T) Profile {
		p, _ := ByName(rapid.SampledFrom(Names()).Draw(t, "base"))
		p.Name += "-changed"
		all := slices.DeleteFunc(fields(), func(f field) bool { return f.wire == 0 })
		for range rapid.IntRange(0, 8).Draw(t, "changes") {
			f := rapid.SampledFrom(all).Draw(t, "field")
			switch at := f.at(&p).(type) {
			case *int:
				*at = rapid.SampledFrom([]int{*at / 2, *at * 2, *at + 1, 0, 16, 64, 512, maxMTU, maxQueue}).Draw(t, "int")
			case *float64:
				*at = rapid.OneOf(rapid.Just(0.0), rapid.Just(*at*2), rapid.Float64Range(1, 4), rapid.Float64Range(1, maxRate)).Draw(t, "float")
			case *bool:
				*at = !*at
			case *time.Duration:
				*at = rapid.OneOf(
					rapid.Just(*at*2), rapid.Just(time.Duration(0)), rapid.Just(maxTimeout),
					rapid.Custom(func(t *rapid.T) time.Duration {
						return time.Duration(rapid.Int64Range(0, int64(maxTimeout)).Draw(t, "ns"))
					}),
				).Draw(t, "duration")
			}
			if p.Validate() != nil { // leave it out
				q, _ := ByName(p.Name[:len(p.Name)-len("-changed")])
				f.setNumber(&p, f.number(&q))
			}
		}
		return p
	}).Filter(func(p Profile) bool { return p.Validate() == nil })
}

func FuzzParseWire(f *testing.F) {
	for _, p := range Profiles() {
		f.Add(p.AppendWire(nil))
	}
	f.Add([]byte{13, 1, 0xa1, 9, 11, 0x41, 15, 12, 0x41, 15})
	f.Add([]byte{0, 1, 0xf8, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, wire []byte) {
		p, err := ParseWire(wire)
		if err != nil {
			assert.Zero(t, p)
			return
		}
		// Not the same bytes: they may count from another profile.
		shortest := p.AppendWire(nil)
		assert.LessOrEqual(t, len(shortest), len(wire))
		back, err := ParseWire(shortest)
		require.NoError(t, err)
		assertToldEqual(t, &p, &back)
		for _, d := range []time.Duration{p.MaxTransmitWait(), p.ExchangeLifetime(), p.NonLifetime(), p.Transit(p.MTU, true)} {
			assert.GreaterOrEqual(t, d, time.Duration(0), "an overflow")
		}
		q, _ := DefaultBounds().Clamp(p)
		assert.True(t, DefaultBounds().grants(q))
	})
}

func TestNumberForm(t *testing.T) {
	for _, n := range []uint64{0, 1, 9, 10, 255, 256, 300, math.MaxUint32, 999_999_999_999_999, maxNumber} {
		b := appendNumber(nil, n)
		got, rest, ok := cutNumber(append(b, 7))
		require.True(t, ok, n)
		assert.Equal(t, n, got)
		assert.Equal(t, []byte{7}, rest)
	}
}

func BenchmarkAppendWire(b *testing.B) {
	p, err := Parse("base=hf-vara500,rate-up=150,rate-down=150,ack-timeout=90s")
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		p.AppendWire(nil)
	}
}
