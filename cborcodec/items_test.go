package cborcodec

import (
	"bytes"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestItems(t *testing.T) {
	b := AppendMap(nil, 2)
	b = AppendText(AppendUint(b, 7), "é")
	b = AppendInt(AppendInt(b, -300), 1<<40)
	b = AppendArray(b, 2)
	b = AppendBytes(b, "\xff")
	b = AppendBytes(b, []byte{1})
	want, err := cbor.Marshal([]any{cbor.ByteString("\xff"), []byte{1}})
	require.NoError(t, err)
	require.True(t, bytes.HasSuffix(b, want))

	in := NewItems(b)
	m, err := in.Map()
	require.NoError(t, err)
	more, err := in.More(&m)
	require.NoError(t, err)
	require.True(t, more)
	n, err := in.Uint()
	require.NoError(t, err)
	assert.EqualValues(t, 7, n)
	s, err := in.Text()
	require.NoError(t, err)
	assert.Equal(t, "é", s)
	more, err = in.More(&m)
	require.NoError(t, err)
	require.True(t, more)
	i, err := in.Int()
	require.NoError(t, err)
	assert.EqualValues(t, -300, i)
	i, err = in.Int()
	require.NoError(t, err)
	assert.EqualValues(t, 1<<40, i)
	more, err = in.More(&m)
	require.NoError(t, err)
	require.False(t, more)
	require.NoError(t, in.Skip(1))
	assert.Empty(t, in.Rest())
	assert.Equal(t, len(b), in.Offset())
}

func TestItemsRefuse(t *testing.T) {
	for name, read := range map[string]func(*Items) error{
		"uint":   func(i *Items) error { _, err := i.Uint(); return err },
		"int":    func(i *Items) error { _, err := i.Int(); return err },
		"text":   func(i *Items) error { _, err := i.Text(); return err },
		"bytes":  func(i *Items) error { _, err := i.Bytes(); return err },
		"octets": func(i *Items) error { _, err := i.Octets(); return err },
		"array":  func(i *Items) error { _, err := i.Array(); return err },
		"map":    func(i *Items) error { _, err := i.Map(); return err },
	} {
		assert.ErrorIs(t, read(NewItems([]byte{0xf6})), ErrItem, name)
		assert.ErrorIs(t, read(NewItems(nil)), ReasonTruncated, name)
	}
	_, err := NewItems([]byte{0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0}).Int()
	require.ErrorIs(t, err, ErrItem, "it has 64 bits")
	_, err = NewItems([]byte{0x61, 0xff}).Text()
	require.ErrorIs(t, err, ReasonUTF8)
	_, err = NewItems([]byte{0x41, 'a'}).Text()
	require.ErrorIs(t, err, ErrItem)
	_, err = NewItems([]byte{0x7f, 0x61, 'a', 0x41, 'b', 0xff}).Octets()
	require.ErrorIs(t, err, ReasonReserved, "a chunk of another kind")
	s, err := NewItems([]byte{0x5f, 0x41, 'a', 0x41, 'b', 0xff}).Octets()
	require.NoError(t, err)
	assert.Equal(t, "ab", s)
	var limit *LimitError
	require.ErrorAs(t, NewItems(bytes.Repeat([]byte{0x81}, 100)).Skip(50), &limit)
	require.ErrorAs(t, NewItems(bytes.Repeat([]byte{0xc1}, 100)).Skip(50), &limit)
}

// FuzzItemsSkip: what is skipped is one well-formed item.
func FuzzItemsSkip(f *testing.F) {
	f.Add([]byte{0xa1, 0x01, 0x9f, 0xff})
	f.Add([]byte{0x5f, 0x41, 'a', 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		in := NewItems(b)
		err := in.Skip(30)
		if err != nil {
			return
		}
		mode, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
		require.NoError(t, err)
		require.NoError(t, mode.Wellformed(b[:in.Offset()]))
	})
}
