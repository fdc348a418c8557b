package operations_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/operations"
)

// promised are the rows that testdata/budgets.tsv has by agreement.
var promised = []string{
	"handshake", "login", "send", "encrypted", "sync", "receipt", "typing", "join", "history", "members", "push", "keys",
	"to-device", "initial", "idle",
}

func TestAll(t *testing.T) {
	all, err := operations.All()
	require.NoError(t, err)
	seen := make(map[string]bool)
	for _, op := range all {
		assert.False(t, seen[op.Name], "two operations are called %s", op.Name)
		seen[op.Name] = true
		assert.NotEmpty(t, op.About, op.Name)
		assert.NotEmpty(t, op.Exchanges, op.Name)
		for _, e := range op.Exchanges {
			u, err := url.ParseRequestURI(e.Request.URI)
			require.NoError(t, err, op.Name)
			assert.Equal(t, e.Request.URI, u.RequestURI(), op.Name)
			assert.True(t, json.Valid(e.Response.Body), op.Name)
			assert.NotEmpty(t, e.Request.Header["User-Agent"], op.Name)
			assert.NotEmpty(t, e.Response.Header["Access-Control-Allow-Origin"], op.Name)
		}
	}
	for _, name := range promised {
		assert.True(t, seen[name], name)
	}
}

// TestRecordings: each recording is what the table says of it.
func TestRecordings(t *testing.T) {
	all, err := operations.Recordings()
	require.NoError(t, err)
	response := func(name string, v any) {
		require.NoError(t, json.Unmarshal([]byte(all[name].Response), v), name)
	}
	var members, history struct{ Chunk []any }
	response("members", &members)
	assert.Len(t, members.Chunk, 48)
	response("history", &history)
	assert.Len(t, history.Chunk, 20)
	for _, name := range []string{"initial", "initial-lazy"} {
		var sync struct{ Rooms struct{ Join map[string]any } }
		response(name, &sync)
		assert.Len(t, sync.Rooms.Join, 10, name)
	}
	assert.InEpsilon(t, 181_000, len(all["initial"].Response), 0.01)
	assert.Less(t, len(all["initial-lazy"].Response), len(all["initial"].Response))
	var keys struct {
		OneTime map[string]any `json:"one_time_keys"`
	}
	require.NoError(t, json.Unmarshal([]byte(all["keys"].Body), &keys))
	assert.Len(t, keys.OneTime, 50)
	var encrypted struct{ Ciphertext string }
	require.NoError(t, json.Unmarshal([]byte(all["encrypted"].Body), &encrypted))
	assert.Len(t, encrypted.Ciphertext, 300)
	// One client: its token, the same in all, is what HPACK and slots shorten.
	token := all["whoami"].Header.Get("Authorization")
	require.NotEmpty(t, token)
	for name, r := range all {
		if name != "versions" && name != "login" {
			assert.Equal(t, token, r.Header.Get("Authorization"), name)
		}
	}
}

func TestRecordingsRoundTrip(t *testing.T) {
	want := []operations.Recording{{Name: "a", Method: "PUT", URI: "/x?y=1", Body: `{"a":"<>&"}`, Status: 200, Response: "{}\n"}}
	var file bytes.Buffer
	require.NoError(t, operations.WriteRecordings(&file, want))
	assert.Contains(t, file.String(), "<>&")
	got, err := operations.ReadRecordings(&file)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	_, err = operations.ReadRecordings(bytes.NewReader([]byte("{}\n{")))
	require.Error(t, err)
}
