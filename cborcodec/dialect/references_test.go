package dialect

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// ends is both ends of a link that loses nothing, with a table without bounds.
type ends struct {
	sent     map[string]int64
	received []string
}

func newEnds() *ends { return &ends{sent: map[string]int64{}} }

func (e *ends) Find(id []byte) (int64, bool) {
	ref, ok := e.sent[string(id)]
	return ref, ok
}

func (e *ends) Insert(id []byte) bool {
	e.sent[string(id)] = int64(len(e.sent))
	return true
}

func (e *ends) Resolve(ref int64) ([]byte, bool) {
	if ref < 0 || ref >= int64(len(e.received)) {
		return nil, false
	}
	return []byte(e.received[ref]), true
}

func (e *ends) Refresh([]byte, int64) bool { return false }

func (e *ends) Note(int64) *Note { return nil }

func (e *ends) Echo([]byte) (ref int64, sorted bool, size int, ok bool) { return 0, false, 0, false }

// context is that of a message against these ends.
func (e *ends) context() *Context { return &Context{Refer: e, Solve: e} }

func (e *ends) Inserted(id []byte) error {
	e.received = append(e.received, string(id))
	return nil
}

// TestReferences: an identifier is inserted once and referred to from then on, also
// within its message, as a key and as a path parameter.
func TestReferences(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	e := newEnds()
	const text = `{"@alice:example.org":"@alice:example.org","device_id":"QIIVX2ax"}`
	payload, err := codec.AppendBody(nil, []byte(text), e.context())
	require.NoError(t, err)
	assert.Equal(t, item("a2", "d6c065", "'alice", "d700", "1847", "d668", "'QIIVX2ax"), hex.EncodeToString(payload))
	back, err := codec.AppendJSON(nil, payload, e.context())
	require.NoError(t, err)
	assert.Equal(t, text, string(back))

	r := Request{Method: "GET", Target: "/_matrix/client/v3/profile/@alice:example.org"}
	payload, err = codec.AppendRequest(nil, &r, e.context())
	require.NoError(t, err)
	assert.LessOrEqual(t, len(payload), 4)
	var got Request
	require.NoError(t, codec.DecodeRequest(&got, payload, e.context()))
	assert.Equal(t, r, got)
	assert.ErrorIs(t, codec.DecodeRequest(&got, payload, nil), ErrReference)
	assert.ErrorIs(t, codec.DecodeRequest(&got, payload, newEnds().context()), ErrReference)
}

// TestBodyIsReference: a body that is an identifier alone is not taken for the query, of
// which a reference would make another request.
func TestBodyIsReference(t *testing.T) {
	const data = "/_matrix/client/v3/user/@bob:example.org/account_data/x"
	const event = "$" + hash
	l := newLink()
	l.exchange(t, Request{Method: "GET", Target: "/_matrix/client/v3/sync?filter=1&since=s1_1"}, `{"next_batch":"s1_2","a":["`+event+`"]}`)
	for range 2 {
		for _, id := range []string{"@alice:example.org", event, "!room:example.org"} {
			for _, target := range []string{data, data + "?a=b", "/custom"} {
				l.exchange(t, Request{Method: "PUT", Target: target, Body: []byte(`"` + id + `"`)}, `{}`)
			}
		}
	}
}

// TestKeysOfDevices: keys and signatures of devices come again in every answer about
// them.
func TestKeysOfDevices(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	e := newEnds()
	const text = `{"keys":{"ed25519:QIIVX2ax":"` + stdHash + `"}}`
	for _, size := range []int{50, 7} {
		payload, err := codec.AppendBody(nil, []byte(text), e.context())
		require.NoError(t, err)
		assert.InDelta(t, size, len(payload), 2, "rows may take a byte or two")
		back, err := codec.AppendJSON(nil, payload, e.context())
		require.NoError(t, err)
		assert.Equal(t, text, string(back))
	}
}

// TestNothingElseIsKept: text, tokens and secrets are never offered for a reference.
func TestNothingElseIsKept(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	e := newEnds()
	const text = `{"access_token":"a0k-7Enr4FaP_m18sP7IVcBZmWs4zkWnd5fqiGmSpHI","password":"@ not an id","body":"@alice is here",` +
		`"user":"#1","key":"` + stdHash + `","session":"QIIVX2ax","x":["$5","$no hash:","!"],"signed_curve25519:AAAAHg":1}`
	_, err := codec.AppendBody(nil, []byte(text), e.context())
	require.NoError(t, err)
	assert.Empty(t, e.sent)
}

// refusing refuses every insertion.
type refusing struct{ *ends }

var errFull = errors.New("full")

func (refusing) Inserted([]byte) error { return errFull }

func TestInsertionRefused(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	payload, err := codec.AppendBody(nil, []byte(`"@alice:example.org"`), newEnds().context())
	require.NoError(t, err)
	_, err = codec.AppendJSON(nil, payload, &Context{Solve: refusing{newEnds()}})
	assert.ErrorIs(t, err, errFull)
}

// TestHostileInsertions: an insertion holds one identifier of a legal length.
func TestHostileInsertions(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	for _, payload := range []string{"d6", "d660", "d6d6c06161", "d605", "d6790100" + hex.EncodeToString(make([]byte, 256))} {
		b, err := hex.DecodeString(payload)
		require.NoError(t, err)
		var format *FormatError
		_, err = codec.AppendJSON(nil, b, newEnds().context())
		assert.ErrorAs(t, err, &format, payload)
	}
}
