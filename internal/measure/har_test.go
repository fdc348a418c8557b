package measure_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/internal/measure"
)

const archive = `{"log":{"version":"1.2","entries":[
 {"request":{"method":"GET","url":"https://hs.example/_matrix/client/v3/sync?timeout=0","bodySize":0},
  "response":{"status":200,"content":{"size":18,"mimeType":"application/json","text":"{\"next_batch\":\"s\"}"}}},
 {"request":{"method":"PUT","url":"https://hs.example/_matrix/client/v3/rooms/%21a%3Ab/typing/%40c%3Ab","bodySize":16,"postData":{"mimeType":"application/json","text":"{\"typing\":false}"}},
  "response":{"status":200,"content":{"size":2,"mimeType":"application/json","text":"e30=","encoding":"base64"}}},
 {"request":{"method":"GET","url":"https://hs.example/_matrix/client/v1/media/download/b/x","bodySize":0},
  "response":{"status":200,"content":{"size":4,"mimeType":"image/png","text":"AAECAw==","encoding":"base64"}}},
 {"request":{"method":"GET","url":"https://app.example/index.html","bodySize":0},"response":{"status":200,"content":{"size":9,"mimeType":"text/html","text":"<p>hi</p>"}}},
 {"request":{"method":"OPTIONS","url":"https://hs.example/_matrix/client/v3/sync","bodySize":0},"response":{"status":204,"content":{"size":0,"mimeType":""}}},
 {"request":{"method":"GET","url":"https://hs.example/_matrix/client/v3/sync","bodySize":0},"response":{"status":0,"content":{"size":0,"mimeType":""}}},
 {"request":{"method":"GET","url":"https://hs.example/_matrix/client/v3/sync","bodySize":0},"response":{"status":200,"content":{"size":900,"mimeType":"application/json"}}},
 {"request":{"method":"GET","url":"https://hs.example/_matrix/client/v3/sync","bodySize":0},"response":{"status":200,"content":{"size":900,"mimeType":"application/json","text":"{\"cut sho"}}},
 {"request":{"method":"PUT","url":"https://hs.example/_matrix/client/v3/rooms/%21a%3Ab/send/m.room.message/1","bodySize":16,"postData":{"mimeType":"application/json","text":""}},"response":{"status":200,"content":{"size":2,"mimeType":"application/json","text":"{}"}}},
 {"request":{"method":"GET","url":"https://hs.example/%zz","bodySize":0},"response":{"status":200,"content":{"size":2,"mimeType":"application/json","text":"{}"}}},
 {"request":{"method":"POST","url":"https://hs.example/_matrix/media/v3/upload","bodySize":900},"response":{"status":200,"content":{"size":2,"mimeType":"application/json","text":"{}"}}}
]}}`

func TestHAR(t *testing.T) {
	m := newMeter(t)
	require.NoError(t, m.HAR(strings.NewReader(archive)))
	r := m.Report()
	assert.Equal(t, map[string]int{
		"not Matrix": 1, "answered by connect itself": 1, "no answer": 1,
		"response body missing": 1, "request body missing": 2,
		"cannot be encoded": 1, "malformed URL": 1,
	}, r.Unusable)
	assert.Equal(t, 3, r.Total.Count)
	sync := *r.Kinds["GET /sync"]
	assert.Equal(t, len("/_matrix/client/v3/sync?timeout=0")+len(`{"next_batch":"s"}`), sync.JSON)
	// Uri-Path "7", Uri-Query "timeout=0", Content-Format 60, {19: "s"}.
	assert.Equal(t, 2+10+2+4, sync.V1)
	typing := *r.Kinds["PUT /rooms/{roomId}/typing/{userId}"]
	assert.Equal(t, len("/_matrix/client/v3/rooms/%21a%3Ab/typing/%40c%3Ab")+len(`{"typing":false}`)+2, typing.JSON)
	// Uri-Path "Y", "!a:b", "@c:b" and Content-Format, {82: false}; {} back.
	assert.Equal(t, 2+5+5+2+4+2+1, typing.V1)
	media := *r.Kinds["GET _matrix/client/v1/media…"]
	assert.Equal(t, 1, media.Count)
	assert.Greater(t, media.V1, 4)
}

func TestHARRefusesOther(t *testing.T) {
	require.Error(t, newMeter(t).HAR(strings.NewReader("not JSON")))
	require.ErrorContains(t, newMeter(t).HAR(strings.NewReader(`{"a":1}`)), "no HTTP archive")
	require.NoError(t, newMeter(t).HAR(strings.NewReader(`{"log":{"entries":[]}}`)))
	require.Error(t, newMeter(t).JSONLines(strings.NewReader(`{"kind":"x"}`)))
}

func TestJSONLinesOddities(t *testing.T) {
	m := newMeter(t)
	require.NoError(t, m.JSONLines(strings.NewReader(
		`{"kind":"a","method":"GET","path":"/_matrix/client/v3/sync","query":"","req":null,"status":200,"resp":null}`+"\n\n"+
			`{"method":"GET","path":"no slash","status":200,"resp":{}}`+"\n")))
	r := m.Report()
	assert.Equal(t, measure.Cost{Count: 1, JSON: len("/_matrix/client/v3/sync"), CBOR: len("/_matrix/client/v3/sync"), V1: 2, V2: 4, V2Up: 2, V2Down: 2}, r.Total)
	assert.Equal(t, map[string]int{"target malformed": 1}, r.Unusable)
}

// newMeter returns a meter with the format that is shipped.
func newMeter(t *testing.T) *measure.Meter {
	t.Helper()
	f, err := wire2.Shipped(1)
	require.NoError(t, err)
	return measure.NewMeter(f, measure.Options{})
}
