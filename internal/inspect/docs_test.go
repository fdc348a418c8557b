package inspect

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
)

const document = "../../docs/wire-v2.md"

// formatInText is where the document tells the format of its examples.
var formatInText = regexp.MustCompile("(The one of this version is\n)`[0-9a-f]*`")

// shown is an exchange in the document.
type shown struct {
	name, method, target, body string
	status                     int
	answer                     string
	// pushed: the answer is a notification in the observation of the sync before.
	pushed bool
}

const (
	docRoom  = "!PlPiL6wQs5xqqYGa:example.org"
	docEvent = "$MnGdqIM7JEQobRZcTioD2KKm1ul5cv3ieI9jgJX4kj8"
	docMine  = "$0Z3KAB8Xt0JfdjNi-GavGzjhO2X8HW-NTK019y04wY8"
	docPush  = "$8N2aj-Tb8P5MkWNmA4c9yO4hAQuCXfFktHQZ9EbeHPc"
	docSync  = "/_matrix/client/v3/sync?filter=1&timeout=30000"
	counts   = `"device_one_time_keys_count":{"signed_curve25519":50}`
)

func docAnswer(next int, event, sender, text, unsigned string, at int) string {
	return fmt.Sprintf(`{"next_batch":"s%d_4483_1935",%s,"rooms":{"join":{"%s":{"timeline":{"events":[{"type":"m.room.message","sender":"%s","content":{"body":"%s","msgtype":"m.text"},"event_id":"%s","origin_server_ts":%d,"unsigned":{%s"age":71}}],"limited":false,"prev_batch":"t7-%d_4483_1935"}}}}}`,
		next, counts, docRoom, sender, text, event, 1795328724550+at, unsigned, next-1)
}

// session is one session, from the first request of version 2 on.
var session = []shown{
	{name: "versions", method: "GET", target: "/_matrix/client/versions", status: 200, answer: `{"versions":["v1.10","v1.11"]}`},
	{name: "login", method: "POST", target: "/_matrix/client/v3/login", body: `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"alice"},"password":"secret"}`, status: 200, answer: `{"user_id":"@alice:example.org","access_token":"syt_b64","device_id":"QIIVX2ax"}`},
	{name: "first sync", method: "GET", target: docSync, status: 200, answer: docAnswer(72594, docEvent, "@bob:example.org", "good morning", "", 0)},
	{name: "acknowledged by number", method: "GET", target: docSync + "&since=s72594_4483_1935", status: 200, answer: `{"next_batch":"s72594_4483_1936",` + counts + `}`},
	{name: "empty sync", method: "GET", target: docSync + "&since=s72594_4483_1936", status: 200, answer: `{"next_batch":"s72594_4483_1937",` + counts + `}`},
	{name: "read receipt", method: "POST", target: "/_matrix/client/v3/rooms/" + docRoom + "/receipt/m.read/" + docEvent, body: `{}`, status: 200, answer: `{}`},
	{name: "typing", method: "PUT", target: "/_matrix/client/v3/rooms/" + docRoom + "/typing/@alice:example.org", body: `{"typing":true,"timeout":30000}`, status: 200, answer: `{}`},
	{name: "send", method: "PUT", target: "/_matrix/client/v3/rooms/" + docRoom + "/send/m.room.message/m1795328730112.1", body: `{"msgtype":"m.text","body":"hello world"}`, status: 200, answer: `{"event_id":"` + docMine + `"}`},
	{name: "own message back", method: "GET", target: docSync + "&since=s72594_4483_1937", status: 200, answer: docAnswer(72595, docMine, "@alice:example.org", "hello world", `"transaction_id":"m1795328730112.1",`, 5600)},
	{name: "sync with one message", method: "GET", target: docSync + "&since=s72595_4483_1935", status: 200, answer: docAnswer(72596, "$YfmZTty-g_gD8gCKFzgCovyqUo5KWJdJoadop0p2838", "@bob:example.org", "hi there", "", 9000)},
	{name: "reaction", method: "PUT", target: "/_matrix/client/v3/rooms/" + docRoom + "/send/m.reaction/m1795328735150.2", body: `{"m.relates_to":{"rel_type":"m.annotation","event_id":"$YfmZTty-g_gD8gCKFzgCovyqUo5KWJdJoadop0p2838","key":"👍"}}`, status: 200, answer: `{"event_id":"$T2l0f5B6HEq2hmtlCv0P7PszCoMT4n2e1jB3n8iGZQk"}`},
	{name: "encrypted", method: "PUT", target: "/_matrix/client/v3/rooms/" + docRoom + "/send/m.room.encrypted/m1795328739003.3", body: `{"algorithm":"m.megolm.v1.aes-sha2","sender_key":"97zMqnfuW8/DpEvILVPCF5Z9ulsTUj+8W2KAsZcl36c","ciphertext":"AwgAEnACgAkLmt6qF84IK++J7UDH2Za1YVchHyprqTqsg2yyOwAtHaZTwyrg","session_id":"IkwqWxT2zy3DI1E/zM2Wq+CE8tr3eEpsxsVGjGrMPdw","device_id":"QIIVX2ax"}`, status: 200, answer: `{"event_id":"$4iGZQkT2l0f5B6HEq2hmtlCv0P7PszCoMT4n2e1jB3n"}`},
	{name: "pushed", status: 200, pushed: true, answer: docAnswer(72597, docPush, "@bob:example.org", "on my way", "", 15000)},
	{name: "error", method: "GET", target: "/_matrix/client/v3/profile/@nobody:example.org", status: 404, answer: `{"errcode":"M_NOT_FOUND","error":"Profile not found"}`},
}

// TestDocument keeps the exchanges in docs/wire-v2.md true: what both ends write, as
// inspect shows it. UPDATE_GOLDEN=1 writes them anew, after another model or other tables.
func TestDocument(t *testing.T) {
	format, err := wire2.Shipped(1)
	require.NoError(t, err)
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	found := 0
	for _, e := range play(t, format) {
		block := regexp.MustCompile("(?s)(<!-- exchange: " + regexp.QuoteMeta(e.name) + " -->\n```\n).*?(```\n)")
		m := block.FindSubmatch(text)
		require.NotNil(t, m, "no exchange %q", e.name)
		found++
		want := string(m[1]) + e.text + string(m[2])
		if os.Getenv("UPDATE_GOLDEN") != "" {
			text = bytes.Replace(text, m[0], []byte(want), 1)
			continue
		}
		assert.Equal(t, want, string(m[0]), "if the change is meant, run the tests with UPDATE_GOLDEN=1")
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		text = formatInText.ReplaceAll(text, []byte("${1}`"+format.ID().String()+"`"))
		require.NoError(t, os.WriteFile(document, text, 0o644))
	}
	require.GreaterOrEqual(t, found, 12)
	assert.True(t, bytes.Contains(text, []byte("`"+format.ID().String()+"`")), "the format of the examples")
}

// played is an exchange as the document shows it.
type played struct{ name, text string }

// play runs the session and a last exchange with a server that was restarted.
func play(t *testing.T, format *wire2.Format) (all []played) {
	terms := wire2.Terms{Home: "example.org", Size: 1024, Policy: coder.Server.Policy()}
	client, server := format.NewClient(terms), format.NewServer(terms, 0)
	watch := NewSession(format, "example.org")
	var observed struct {
		call     *wire2.Call
		exchange *wire2.Exchange
		asked    *Asked
	}
	for _, e := range session {
		var b strings.Builder
		if e.pushed {
			payload, n, err := observed.call.Notification(nil, []byte(e.answer), e.status, "s72596_4483_1935")
			require.NoError(t, err)
			check(t, observed.exchange, payload, e)
			n.Done(true)
			fmt.Fprintf(&b, "notification, %d bytes: %x\n", len(payload), payload)
			report(t, &b, func(r *Report) error { return watch.Response(r, payload, e.status, observed.asked) })
			all = append(all, played{e.name, b.String()})
			continue
		}
		r := dialect.Request{Method: e.method, Target: e.target}
		if e.body != "" {
			r.Body = []byte(e.body)
		}
		payload, x, err := client.Request(nil, &r, time.Time{})
		require.NoError(t, err)
		call := server.Admit(0)
		require.NoError(t, call.Request(new(dialect.Request), payload))
		var asked *Asked
		fmt.Fprintf(&b, "%s %s\n%s\n\nrequest, %d bytes: %x\n", e.method, e.target, e.body, len(payload), payload)
		report(t, &b, func(r *Report) (err error) { asked, err = watch.Request(r, payload); return err })
		answer, err := call.Response(nil, []byte(e.answer), e.status)
		require.NoError(t, err)
		check(t, x, answer, e)
		fmt.Fprintf(&b, "\n%d %s\n\nresponse, %d bytes: %x\n", e.status, e.answer, len(answer), answer)
		report(t, &b, func(r *Report) error { return watch.Response(r, answer, e.status, asked) })
		if strings.HasPrefix(e.target, docSync) { // only a sync can be observed
			observed.call, observed.exchange, observed.asked = call, x, asked
		}
		all = append(all, played{e.name, strings.ReplaceAll(b.String(), "\n\n\n", "\n\n")})
	}
	return append(all, restarted(t, format, terms, client))
}

// check has the client read a response.
func check(t *testing.T, x *wire2.Exchange, payload []byte, e shown) {
	t.Helper()
	json, ok, err := x.Response(nil, payload, e.status)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, e.answer, string(json))
}

func report(t *testing.T, b *strings.Builder, f func(*Report) error) {
	t.Helper()
	var r Report
	require.NoError(t, f(&r))
	require.NoError(t, r.Write(b, Style{Bare: true, Full: true}))
}

// restarted is a request to a server that has lost its tables.
func restarted(t *testing.T, format *wire2.Format, terms wire2.Terms, client *wire2.Client) played {
	var b strings.Builder
	r := dialect.Request{Method: "GET", Target: docSync + "&since=s72597_4483_1935"}
	payload, x, err := client.Request(nil, &r, time.Time{})
	require.NoError(t, err)
	server := format.NewServer(terms, 1)
	require.ErrorIs(t, server.Admit(0).Request(new(dialect.Request), payload), wire2.ErrState)
	fmt.Fprintf(&b, "GET %s\n\nrequest, %d bytes: %x\nresponse 4.00: %x\n", r.Target, len(payload), payload, wire2.Unknown())
	_, _, err = x.Response(nil, wire2.Unknown(), 400)
	require.ErrorIs(t, err, wire2.ErrUnknown)
	payload, _, err = client.Request(nil, &r, time.Time{})
	require.NoError(t, err)
	require.NoError(t, server.Admit(0).Request(new(dialect.Request), payload))
	fmt.Fprintf(&b, "the same again, %d bytes: %x\n", len(payload), payload)
	report(t, &b, func(r *Report) error { _, err := NewSession(format, "example.org").Request(r, payload); return err })
	return played{"unknown state", b.String()}
}
