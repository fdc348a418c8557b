package coder_test

import (
	"bytes"
	"compress/flate"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
)

func TestRefused(t *testing.T) {
	c := newCoder(t)
	coded := func(m coder.Method, payload string) []byte {
		return c.AppendCoded(nil, nil, []byte(payload), policies[m])
	}
	mixed, deflated := coded(coder.Mixing, event), coded(coder.Deflate, event)
	tests := []struct {
		name  string
		input []byte
		limit int
		want  error
	}{
		{"nothing", nil, 99, coder.ErrTruncated},
		{"method 3", []byte{3}, 99, coder.ErrMethod},
		{"raw too long", []byte{0, 1, 2}, 1, &coder.LimitError{Length: 2, Limit: 1}},
		{"no length", []byte{1}, 99, coder.ErrTruncated},
		{"half a length", []byte{1, 0x80}, 99, coder.ErrTruncated},
		{"long form of a length", []byte{1, 0x81, 0x00, 1}, 99, coder.ErrMalformed},
		{"length beyond 64 bits", append([]byte{1}, bytes.Repeat([]byte{0xff}, 11)...), 99, coder.ErrMalformed},
		{"longer than the limit", mixed, len(event) - 1, &coder.LimitError{Length: uint64(len(event)), Limit: len(event) - 1}},
		{"deflated, longer than the limit", deflated, 1, &coder.LimitError{Length: uint64(len(event)), Limit: 1}},
		{"negative limit", mixed, -1, &coder.LimitError{Length: 1, Limit: -1}},
		{"mixing with a tail", append(mixed, 1, 2, 3, 4, 5), 99, coder.ErrTrailing},
		{"deflate cut short", deflated[:len(deflated)-2], 99, coder.ErrTruncated},
		{"deflate with a tail", append(deflated, 1), 99, coder.ErrTrailing},
		{"deflate longer than said", append([]byte{1, 2}, deflated[2:]...), 99, coder.ErrTrailing},
		{"deflate shorter than said", append([]byte{1, 99}, deflated[2:]...), 99, coder.ErrTruncated},
		{"more than deflate can make", []byte{1, 0xff, 0xff, 0x7f, 0}, math.MaxInt, coder.ErrTruncated},
		{"reserved block type", []byte{1, 9, 0xff, 0xff}, 99, coder.ErrMalformed},
		{"deflate of nothing, with a length", []byte{1, 1, 3, 0}, 99, coder.ErrTruncated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.AppendDecoded([]byte("kept"), nil, tt.input, tt.limit)
			assert.Equal(t, "kept", string(got))
			if limit, ok := tt.want.(*coder.LimitError); ok {
				var le *coder.LimitError
				require.ErrorAs(t, err, &le)
				assert.Equal(t, limit, le)
				assert.NotEmpty(t, le.Error())
				return
			}
			require.ErrorIs(t, err, tt.want)
		})
	}
}

// A code that is wrong gives an error or another payload, never more than it claims.
func TestDamaged(t *testing.T) {
	c := newCoder(t)
	for method, policy := range policies {
		coded := c.AppendCoded(nil, nil, []byte(strings.Repeat(event, 3)), policy)
		for i := range coded {
			for bit := range 8 {
				damaged := bytes.Clone(coded)
				damaged[i] ^= 1 << bit
				got, err := c.AppendDecoded(nil, nil, damaged, 300)
				assert.LessOrEqual(t, len(got), 300, method)
				if err != nil {
					assert.Empty(t, got, method)
				}
			}
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	pack := func(model string) []byte {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, 1)
		require.NoError(t, err)
		_, err = w.Write([]byte(model))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.Bytes()
	}
	for name, packed := range map[string][]byte{
		"nothing":              nil,
		"no deflate stream":    {0xff},
		"empty":                pack(""),
		"other version":        pack("\x00"),
		"dictionary too long":  pack("\x01\xff\xff\x7f"),
		"dictionary missing":   pack("\x01\x09abc"),
		"tables missing":       pack("\x01\x01a"),
		"unknown history":      pack("\x01\x00" + strings.Repeat("\xff", 1<<18)),
		"bytes behind the end": pack("\x01\x00" + strings.Repeat("\x00", 1<<18)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := coder.Load(packed)
			require.ErrorIs(t, err, coder.ErrModel)
		})
	}
}
