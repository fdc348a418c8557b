package mixing

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLogistic(t *testing.T) {
	l := newLogistic()
	assert.Equal(t, int32(1<<15), l.prob(0))
	for x := int32(-MaxLogit); x <= MaxLogit; x++ {
		require.Positive(t, l.prob(x))
		require.Less(t, l.prob(x), int32(1<<probBits))
		require.InDelta(t, 1<<probBits, l.prob(x)+l.prob(-x), 2, x)
		if x > -MaxLogit {
			require.GreaterOrEqual(t, l.prob(x), l.prob(x-1))
		}
		require.Equal(t, l.prob(x), l.prob(l.Logit(l.prob(x))))
	}
}

func TestHistories(t *testing.T) {
	h := newHistories()
	require.LessOrEqual(t, len(h.counts), Histories)
	assert.Equal(t, Counts{0, 0}, h.counts[0])
	for i, c := range h.counts {
		assert.Equal(t, uint8(i), h.History(c))
		for bit := range 2 {
			after := h.counts[h.next[i][bit]]
			assert.Positive(t, after[bit], "%v after %d", c, bit)
			assert.LessOrEqual(t, after[1-bit], max(c[1-bit], 2), "%v after %d", c, bit)
			assert.GreaterOrEqual(t, after[bit], min(c[bit], 12), "%v after %d", c, bit)
		}
	}
	tests := []struct{ counts, want Counts }{
		{Counts{1, 9}, Counts{1, 8}},
		{Counts{5, 5}, Counts{4, 5}},
		{Counts{1000, 0}, Counts{255, 0}},
		{Counts{1, 300}, Counts{0, 255}},
		{Counts{200, 100}, Counts{128, 64}},
		{Counts{7, 6}, Counts{6, 6}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, h.counts[h.History(tt.counts)], tt.counts)
	}
}

// begin lets s follow a message whose length has passed.
func begin(s *structure) {
	s.reset(nil)
	s.count(1)
}

func TestStructure(t *testing.T) {
	tests := []struct {
		name, message string
		// want are the kinds before each byte and after the last.
		want []kind
	}{
		{"map", "\xa1\x05\x61a", []kind{kindTop, kindKey, kindValue, kindText, kindTop}},
		{"text key", "\xa1\x61b\xf6", []kind{kindTop, kindKey, kindKeyText, kindValue, kindTop}},
		{"array", "\x82\x18\x20\x1a1234", []kind{
			kindTop, kindElement, kindInt, kindElement, kindInt, kindIntMore, kindIntMore, kindIntMore, kindTop,
		}},
		{"tag", "\xc1\xd8\x20\x41x", []kind{kindTop, kindTagged, kindTag, kindTagged, kindBytes, kindTop}},
		{"float", "\xf9\x00\x00", []kind{kindTop, kindSimple, kindSimple, kindTop}},
		{"long text", "\x65abcde", []kind{kindTop, kindText, kindText, kindText, kindTextMore, kindTextMore, kindTop}},
		{"identifier", "\x65$bcde", []kind{kindTop, kindText, kindText, kindText, kindTextMark, kindTextMark, kindTop}},
		{"open", "\x9f\x01\xff\x01", []kind{kindTop, kindElement, kindElement, kindTop, kindTop}},
		{"chunks", "\x7f\x61a\xff", []kind{kindTop, kindElement, kindText, kindElement, kindTop}},
		{"empty", "\x80\xa0\x60\x40", []kind{kindTop, kindTop, kindTop, kindTop, kindTop}},
		{"nested ends", "\x81\x81\x81\x01\x01", []kind{kindTop, kindElement, kindElement, kindElement, kindTop, kindTop}},
		{"stray break", "\xff\x01", []kind{kindTop, kindTop, kindTop}},
		{"reserved", "\x1c\x01", []kind{kindTop, kindTop, kindTop}},
		{"length", "\x58\x01x", []kind{kindTop, kindLength, kindBytes, kindTop}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s structure
			begin(&s)
			got := []kind{s.kind}
			for _, b := range []byte(tt.message) {
				s.add(b)
				got = append(got, s.kind)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// The same value under the same key has the same place, whatever came before.
func TestStructurePaths(t *testing.T) {
	path := func(message string) uint32 {
		var s structure
		begin(&s)
		for _, b := range []byte(message) {
			s.add(b)
		}
		return s.path
	}
	assert.Equal(t, path("\xa2\x01\x07\x05"), path("\xa2\x02\x61x\x05"))
	assert.NotEqual(t, path("\xa1\x01"), path("\xa1\x02"))
	assert.NotEqual(t, path("\xa1\x01\xa1\x05"), path("\xa1\x02\xa1\x05"))
}

func TestStructureDepth(t *testing.T) {
	var s structure
	begin(&s)
	for _, b := range []byte(strings.Repeat("\x81", 100) + strings.Repeat("\x9f", 100) + strings.Repeat("\xff", 300)) {
		s.add(b)
		require.Less(t, s.depth, maxNesting)
	}
}

func TestModelRoundTrip(t *testing.T) {
	m := NewModel([]byte("a dictionary of some words"))
	counts := SlotCounts{1: {3, 200}, 3: {0, 7}, 7: {4, 4}, 15: {1, 0}}
	for i := range uint32(5000) {
		m.Prime(hash(i, 1), &counts)
	}
	m.Mixers.First[3][4] = -12345 << weightShift
	packed := m.Append(nil)
	got, err := ReadModel(bytes.NewReader(packed))
	require.NoError(t, err)
	assert.Equal(t, m.Slots, got.Slots)
	assert.Equal(t, m.Mixers.First, got.Mixers.First)
	assert.Equal(t, m.Logits, got.Logits)
	assert.Equal(t, packed, got.Append(nil))
	_, err = ReadModel(bytes.NewReader(append(packed, 0)))
	require.ErrorIs(t, err, ErrModel)
	_, err = ReadModel(bytes.NewReader(packed[:len(packed)-1]))
	require.ErrorIs(t, err, ErrModel)
}

// What works in the model itself leaves it as it was.
func TestOnlyPredictor(t *testing.T) {
	m := NewModel([]byte("a dictionary of some words"))
	counts := SlotCounts{1: {3, 200}, 3: {0, 7}, 7: {4, 4}, 15: {1, 0}}
	for i := range uint32(50000) {
		m.Prime(hash(i, 1), &counts)
	}
	before := *m.Slots
	other, p := NewPredictor(m), NewOnlyPredictor(m)
	for _, message := range []string{"some words", strings.Repeat("other words, ", 500), ""} {
		want, fine := other.Encode(nil, nil, []byte(message))
		got, ok := p.Encode(nil, nil, []byte(message))
		assert.Equal(t, fine, ok)
		assert.Equal(t, want, got)
		assert.False(t, *m.Slots == before, "it works there")
		p.End()
		require.True(t, *m.Slots == before)
	}
}

// A model that knows nothing still codes, and what repeats becomes small.
func TestEmptyModel(t *testing.T) {
	p := NewPredictor(NewModel(nil))
	message := []byte(strings.Repeat("the same words, ", 20))
	code, ok := p.Encode(nil, nil, message)
	require.True(t, ok)
	assert.Less(t, len(code), 60)
	got, err := p.Decode(nil, nil, code, len(message))
	require.NoError(t, err)
	assert.Equal(t, message, got)
}

func TestFlush(t *testing.T) {
	tests := []struct {
		interval interval
		want     []byte
	}{
		{interval{0, 0xffffffff}, nil},
		{interval{1, 0xffffffff}, []byte{1}},
		{interval{0x12345678, 0x1fffffff}, []byte{0x13}},
		{interval{0x12345678, 0x12ffffff}, []byte{0x12, 0x35}},
		{interval{0x12345678, 0x12345678}, []byte{0x12, 0x34, 0x56, 0x78}},
		{interval{0x12000000, 0x12000000}, []byte{0x12}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, tt.interval.flush(nil, 0), "%x", tt.interval)
	}
	assert.Empty(t, interval{0, 1}.flush([]byte{0, 0, 0, 0}, 0), "zeros that were sent go too")
	assert.Len(t, interval{0, 1}.flush([]byte{0, 0, 0, 0, 0}, 0), 1, "as far as the decoder reads")
	assert.Len(t, interval{0, 1}.flush([]byte{0, 0}, 1), 1, "but nothing of others")
}

// encodeStream codes bytes where the length and the message would be, whatever they say.
func encodeStream(p *Predictor, stream []byte) []byte {
	p.Reset(nil)
	e := encoder{p: p, v: interval{high: 0xffffffff}}
	for _, b := range stream {
		e.add(b)
	}
	return e.v.flush(e.out, 0)
}

func TestLengths(t *testing.T) {
	p := NewPredictor(NewModel(nil))
	tests := []struct {
		name   string
		stream []byte
		want   error
	}{
		{"long form", []byte{0x85, 0x00}, ErrMalformed},
		{"four bytes", []byte{0x81, 0x81, 0x81, 0x01}, ErrMalformed},
		{"too much for so few bytes", []byte{0xff, 0x3f}, ErrMalformed},
		{"above the limit", []byte{0xff, 0xff, 0x03}, &LimitError{Length: 65535}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := p.Decode([]byte("kept"), nil, encodeStream(p, tt.stream), 10000)
			assert.Equal(t, "kept", string(got))
			if tooLong, ok := tt.want.(*LimitError); ok {
				var le *LimitError
				require.ErrorAs(t, err, &le)
				assert.Equal(t, tooLong, le)
				assert.NotEmpty(t, le.Error())
				return
			}
			require.ErrorIs(t, err, tt.want)
		})
	}
}

// What is no sequence of whole items needs a length, and so does what seems to end early.
func TestDelimits(t *testing.T) {
	tests := []struct {
		name, message string
		want          bool
	}{
		{"nothing", "", true},
		{"an item", "\xa1\x05\x61a", true},
		{"items", "\x01\x02\x82\x03\x04\xf6", true},
		{"end within a string", "\x62\xff\xff", true},
		{"break", "\x9f\x01\xff\x01", true},
		{"stray break", "\x01\xff", false},
		{"open string", "\x62a", false},
		{"open array", "\x82\x01", false},
		{"open tag", "\xc1", false},
		{"half an integer", "\x19\x01", false},
	}
	p := NewPredictor(NewModel(nil))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, after := p.Frame([]byte(tt.message))
			if tt.want {
				assert.Equal(t, []byte{0}, before)
				assert.Equal(t, []byte{end}, after)
			} else {
				assert.Equal(t, []byte{byte(len(tt.message))}, before)
				assert.Empty(t, after)
			}
			code, ok := p.Encode(nil, nil, []byte(tt.message))
			require.True(t, ok)
			got, err := p.Decode([]byte{}, nil, code, len(tt.message))
			require.NoError(t, err)
			assert.Equal(t, tt.message, string(got))
			if tt.message != "" {
				_, err = p.Decode(nil, nil, code, len(tt.message)-1)
				var le *LimitError
				require.ErrorAs(t, err, &le)
				assert.Equal(t, uint64(len(tt.message)), le.Length)
			}
		})
	}
}

// A code from which no end comes is refused where its bytes hold no more.
func TestNoEnd(t *testing.T) {
	p := NewPredictor(NewModel(nil))
	stream := append([]byte{0}, strings.Repeat("\x00", 30000)...)
	code := encodeStream(p, stream)
	got, err := p.Decode([]byte("kept"), nil, code, MaxMessage)
	require.ErrorIs(t, err, ErrMalformed)
	assert.Equal(t, "kept", string(got))
	assert.Less(t, capacity(len(code)), 30000)
}

// Words say what an object is, and integers at the top what a message is.
func TestTopic(t *testing.T) {
	topic := func(message string) uint32 {
		var s structure
		begin(&s)
		for _, b := range []byte(message) {
			s.add(b)
		}
		return s.topic()
	}
	assert.NotEqual(t, topic("\x01"), topic("\x02"))
	assert.Equal(t, topic("\x01\xa4\x05"), topic("\x01"), "handed down")
	assert.Equal(t, topic("\xa4\x05\xe1"), topic("\xa4\x05\xe2\x06\xe1"), "the last one")
	assert.NotEqual(t, topic("\xa4\x05\xe1"), topic("\xa4\x05\xe2"))
	assert.Equal(t, topic("\xa4\x05\xe1"), topic("\xa4\x05\xe1\x06\xf5\x07"), "true is no word")
	assert.Equal(t, topic("\xa4\x05"), topic("\xa4\x05\x01\xe1"), "nor is a key")
	assert.Equal(t, topic("\xa4\x05\xe1"), topic("\xa4\x05\xe1\x06\x82\xe2\xe3"), "not what is within")
}

// What would be too long for its code is refused by both sides.
func TestCapacity(t *testing.T) {
	p := NewPredictor(NewModel(nil))
	message := []byte(strings.Repeat("\x00", 30000))
	code, ok := p.Encode(nil, nil, message)
	assert.False(t, ok)
	assert.Greater(t, len(message), capacity(len(code)))
	_, err := p.Decode(nil, nil, code, len(message))
	require.ErrorIs(t, err, ErrMalformed)
}

// A code that is cut short is noticed only if the zeros behind it do not last.
func TestTruncated(t *testing.T) {
	p := NewPredictor(NewModel(nil))
	message := make([]byte, 20000)
	for i := range message {
		message[i] = byte(hash(uint32(i), 0))
	}
	code, _ := p.Encode(nil, nil, message)
	_, err := p.Decode(nil, nil, code[:len(code)/4], len(message))
	require.ErrorIs(t, err, ErrTruncated)
	_, err = p.Decode(nil, nil, append(code, 1, 1, 1, 1, 1), len(message))
	require.ErrorIs(t, err, ErrTrailing)
}

// Behind its beginning a byte string costs what it has, until it repeats.
func TestOpaque(t *testing.T) {
	p := NewPredictor(NewModel(nil))
	message := []byte{0x58, 200}
	for i := range 200 {
		message = append(message, byte(hash(uint32(i), 0)))
	}
	code, ok := p.Encode(nil, nil, message)
	require.True(t, ok)
	assert.Less(t, len(code), 207)
	again, ok := p.Encode(nil, nil, append(message, message...))
	require.True(t, ok)
	assert.Less(t, len(again), len(code)+40)
	got, err := p.Decode(nil, nil, again, 1000)
	require.NoError(t, err)
	assert.Equal(t, append(message, message...), got)
}

// TestManner: what a prelude has behind its fourth byte makes no other place of a message,
// and other topics only outside of objects.
func TestManner(t *testing.T) {
	const topicContext, lastContext = 13, 14
	message := []byte{0x01, 0x81, 0x05, 0xa1, 0x02, 0xe1, 0x03}
	var plain, written contexts
	plain.reset([]byte{0, 0, 0, 0})
	written.reset([]byte{0, 0, 0, 0, 1, 2})
	plain.count(0)
	written.count(0)
	for i, b := range message {
		plain.compute(0)
		written.compute(0)
		for c, h := range plain.hashes {
			switch {
			case c == topicContext || c == lastContext:
				assert.Equal(t, i == 4 || i == 5, h == written.hashes[c], "at %d", i)
			case c == 5 || c > ordered: // the others have the last bytes
				assert.Equal(t, h, written.hashes[c], "context %d at %d", c, i)
			}
		}
		plain.add(b)
		written.add(b)
	}
}
