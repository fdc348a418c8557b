package coder_test

import (
	"bytes"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/cborcodec/coder"
)

// shippedModel is unpacked once for all tests.
var shippedModel = sync.OnceValues(coder.Shipped)

func newCoder(t testing.TB) *coder.Coder {
	t.Helper()
	m, err := shippedModel()
	require.NoError(t, err)
	return coder.New(m, 2)
}

// policies has one policy for each method.
var policies = map[coder.Method]coder.Policy{
	coder.Raw:     {},
	coder.Deflate: {Deflate: math.MaxInt},
	coder.Mixing:  {Mixing: coder.MaxMixing},
}

// noise is n bytes that nothing foretells.
func noise(n int) string {
	b := make([]byte, n)
	x := uint32(7)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}

// event is the object of the proposal (MSC3079), but for its two last members.
const event = "\xa3\x02\x6em.room.message\x06\xa2\x18\x1b\x6bHello World\x18\x1c\x66m.text\x05\x6e!foo:localhost"

func TestRoundTrip(t *testing.T) {
	c := newCoder(t)
	payloads := map[string]string{
		"empty":          "",
		"one byte":       "\xa0",
		"event":          event,
		"text":           "Ankunft morgen früh gegen sechs",
		"long":           strings.Repeat(event, 100),
		"longest mixing": noise(coder.MaxMixing),
		"too regular":    strings.Repeat("~", coder.MaxMixing),
		"longer":         strings.Repeat(event, 2000),
		"deep":           strings.Repeat("\x81", 100) + "\x01",
		"open":           "\x9f\xbf\x61a\x7f\x61b\xff\xff\xff\xff\xff\xff",
		"no CBOR":        "\xfc\xfd\xfe\xff\x1c\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
		"zeros":          strings.Repeat("\x00", 3000),
	}
	for name, payload := range payloads {
		for method, policy := range policies {
			t.Run(name+"/"+method.String(), func(t *testing.T) {
				coded := c.AppendCoded([]byte("x"), []byte{1, 2}, []byte(payload), policy)
				require.Equal(t, byte('x'), coded[0])
				assert.LessOrEqual(t, len(coded)-1, 1+len(payload))
				got, err := c.AppendDecoded([]byte("y"), []byte{1, 2}, coded[1:], len(payload))
				require.NoError(t, err)
				assert.Equal(t, "y"+payload, string(got))
			})
		}
	}
}

func TestMethods(t *testing.T) {
	c := newCoder(t)
	tests := []struct {
		name    string
		payload string
		policy  coder.Policy
		want    coder.Method
	}{
		{"event", event, coder.Server.Policy(), coder.Mixing},
		{"event by a small device", event, coder.Microcontroller.Policy(), coder.Deflate},
		{"too long for mixing", strings.Repeat(event, 1500), coder.Server.Policy(), coder.Deflate},
		{"too regular for mixing", strings.Repeat(event, 700), coder.Server.Policy(), coder.Deflate},
		{"too long for a phone", strings.Repeat(event, 100), coder.Handheld.Policy(), coder.Deflate},
		{"both ends", event, coder.Server.Policy().And(coder.Microcontroller.Policy()), coder.Deflate},
		{"nothing to gain", "\x00", coder.Server.Policy(), coder.Raw},
		{"no policy", event, coder.Policy{}, coder.Raw},
		{"more than can be", strings.Repeat(event, 1500), coder.Policy{Mixing: math.MaxInt}, coder.Raw},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			coded := c.AppendCoded(nil, nil, []byte(tt.payload), tt.policy)
			assert.Equal(t, tt.want, coder.Method(coded[0]&coder.MethodMask))
		})
	}
}

// What the model knows must help: requests of the dialect of which it never saw the text.
func TestSmall(t *testing.T) {
	c := newCoder(t)
	for _, tt := range []struct {
		name, prelude, payload string
		most                   int
	}{
		{"send", "\x00\x00\x00\x00\x01\x01", "\x20\x01\xd7\x21\xe1\xd1\x83\x00\x19\x0b\xb8\x01\xa2\x18\x1c\xea\x18\x1b\x78\x1dEngine repaired, sailing on.", 32},
		{"response to a send", "\x01\x00\x01\x02", "\xa1\x01\xd6\x58\x20" + noise(32), 35},
		{"receipt", "\x00\x00\x00\x00\x01\x01", "\x20\x03\xd7\x21\xf8\x53\xd7\x20", 4},
	} {
		mixed := c.AppendCoded(nil, []byte(tt.prelude), []byte(tt.payload), coder.Server.Policy())
		deflated := c.AppendCoded(nil, []byte(tt.prelude), []byte(tt.payload), coder.Microcontroller.Policy())
		assert.LessOrEqual(t, len(mixed), tt.most, tt.name)
		assert.Less(t, len(mixed), len(deflated), tt.name)
	}
}

func TestRoundTripAny(t *testing.T) {
	c := newCoder(t)
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "payload")
		prelude := rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "prelude")
		policy := policies[rapid.SampledFrom([]coder.Method{coder.Raw, coder.Deflate, coder.Mixing}).Draw(t, "method")]
		coded := c.AppendCoded(nil, prelude, payload, policy)
		if len(coded) > 1+len(payload) {
			t.Fatalf("%d bytes became %d", len(payload), len(coded))
		}
		got, err := c.AppendDecoded(nil, prelude, coded, len(payload))
		if err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("%x became %x, %v", payload, got, err)
		}
	})
}

// A payload must code the same whatever was coded before.
func TestNothingIsKept(t *testing.T) {
	c := newCoder(t)
	policy := policies[coder.Mixing]
	want := c.AppendCoded(nil, nil, []byte(event), policy)
	for _, before := range []string{
		event, strings.Repeat("secret ", 10), strings.Repeat(event, 100), strings.Repeat("\x00\x01", 4000),
	} {
		c.AppendCoded(nil, []byte("p"), []byte(before), policy)
		require.Equal(t, want, c.AppendCoded(nil, nil, []byte(event), policy))
		decoded, _ := c.AppendDecoded(nil, nil, append([]byte{byte(coder.Mixing)}, before...), 99)
		require.LessOrEqual(t, len(decoded), 99) // an error or nonsense
		require.Equal(t, want, c.AppendCoded(nil, nil, []byte(event), policy))
	}
}

// More callers than workers share what there is.
func TestConcurrent(t *testing.T) {
	c := newCoder(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			payload := bytes.Repeat([]byte{byte(i), 'a'}, 50)
			for method := range 3 * 5 {
				coded := c.AppendCoded(nil, nil, payload, policies[coder.Method(method%3)])
				got, err := c.AppendDecoded(nil, nil, coded, 100)
				assert.NoError(t, err)
				assert.Equal(t, payload, got)
			}
		})
	}
	all.Wait()
}

// The upper bits of the header belong to others.
func TestUpperBits(t *testing.T) {
	c := newCoder(t)
	coded := c.AppendCoded(nil, nil, []byte(event), coder.Server.Policy())
	require.Zero(t, coded[0]&^coder.MethodMask)
	coded[0] |= 0xfc
	got, err := c.AppendDecoded(nil, nil, coded, 100)
	require.NoError(t, err)
	assert.Equal(t, event, string(got))
}

func TestModelID(t *testing.T) {
	m, err := shippedModel()
	require.NoError(t, err)
	again, err := coder.Shipped()
	require.NoError(t, err)
	assert.Equal(t, m.ID(), again.ID())
	assert.Len(t, m.ID().String(), 64)
}

func TestNoAllocation(t *testing.T) {
	c := newCoder(t)
	for method, policy := range policies {
		payload := []byte(strings.Repeat(event, 5))
		coded := c.AppendCoded(nil, nil, payload, policy)
		decoded := make([]byte, 0, 2*len(payload))
		// Both workers have their scratch memory after a few calls.
		assert.Zero(t, testing.AllocsPerRun(50, func() { coded = c.AppendCoded(coded[:0], nil, payload, policy) }), method)
		assert.Zero(t, testing.AllocsPerRun(50, func() {
			if _, err := c.AppendDecoded(decoded[:0], nil, coded, len(payload)); err != nil {
				panic(err)
			}
		}), method)
	}
}
