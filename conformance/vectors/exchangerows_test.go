package vectors

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coapgw/coapgw/coap"
)

// exchangeRow is an exchange and what is done by hand in it.
type exchangeRow struct {
	exchangeVector
	script script
}

// fill carries the script out.
func (r *exchangeRow) fill(t *testing.T) error {
	if err := r.record(t, r.script); err != nil {
		return err
	}
	contents, err := r.contents()
	for i, content := range contents {
		r.Steps[i].Content = content
	}
	return err
}

// between makes a row between two ends of these kinds.
func between(client, server, name, why string, s script) *exchangeRow {
	return &exchangeRow{exchangeVector{Name: name, Why: why, Client: client, Server: server}, s}
}

// What exchanges are about: short, since it stands in hexadecimal too.
const (
	alice, bob = "tokA", "tokB"
	versions   = "/_matrix/client/versions"
	typing     = "/_matrix/client/v3/rooms/!r:x/typing/@a:x"
	sendTo     = "/_matrix/client/v3/rooms/!r:x/send/m.room.message/m1"
	profile    = "/_matrix/client/v3/profile/@b:x"
	syncing    = "/_matrix/client/v3/sync"
	sent       = `{"event_id":"$e:x"}`
)

// greeted is the exchange by which two coapgw know each other, to begin a script with.
func greeted(s ...action) script {
	return append(script{ask(1, "GET", "/x", alice, ""), answer(1, 200, "")}, s...)
}

// pairFile is version 1 between two coapgw.
func pairFile() *file {
	f := &file{name: "exchanges-coapgw.json", Kind: "exchange", About: "version 1 between two coapgw: the hello, slots, methods, bodies, headers, statuses (docs/wire-v1.md)"}
	pair := func(name, why string, s script) *exchangeRow {
		r := between(coapgw, coapgw, name, why, s)
		f.rows = append(f.rows, r)
		return r
	}
	pair("hello", "The first request says who asks (260) and whose it is (256); its answer says the same, and the second request says nothing any more.", script{
		ask(1, "PUT", sendTo, alice, `{"msgtype":"m.text","body":"hello world"}`), answer(1, 200, sent),
		ask(2, "GET", syncing+"?timeout=0", alice, ""), answer(2, 200, `{"next_batch":"s1"}`),
	})
	pair("hello without a token", "No 256; then slot 0 says that there is none.", script{
		ask(1, "GET", versions, "", ""), answer(1, 200, `{"versions":["v1.11"]}`),
		ask(2, "GET", versions, "", ""), answer(2, 200, `{"versions":["v1.11"]}`),
	})
	pair("hello over another link", "The number of a profile stands behind the level; the answer leaves out what the request told.", script{
		ask(1, "GET", versions, "", ""), answer(1, 200, `{}`),
		ask(2, "GET", versions, "", ""), answer(2, 200, `{}`),
	}).Link = "geo-vsat"
	pair("who are you?", "A second user may not ask before the peer is known: an empty 260 asks, which is no request of anybody, and what is asked behind it carries 260.", script{
		ask(1, "GET", syncing, alice, ""),
		ask(2, "GET", versions, bob, ""), answer(2, 200, `{}`),
		answer(1, 200, `{}`),
		ask(3, "GET", versions, bob, ""), answer(3, 200, `{}`),
	})
	pair("slots", "The second token defines slot 2, which the next request bears alone; no token is slot 0; slot 1 is implied.", greeted(
		ask(2, "GET", versions, bob, ""), answer(2, 200, `{}`),
		ask(3, "GET", versions, bob, ""), answer(3, 200, `{}`),
		ask(4, "GET", versions, "", ""), answer(4, 200, `{}`),
		ask(5, "GET", versions, alice, ""), answer(5, 200, `{}`),
	))
	pair("methods", "What the code does not say stands in option 261: GET with content is FETCH, DELETE with content POST with 261.", greeted(
		ask(2, "GET", profile, alice, `{"a":1}`), answer(2, 200, `{}`),
		ask(3, "HEAD", profile, alice, ""), answer(3, 200, ""),
		ask(4, "POST", profile, alice, ""), answer(4, 200, `{}`),
		ask(5, "DELETE", profile, alice, ""), answer(5, 200, `{}`),
		ask(6, "DELETE", profile, alice, `{"a":1}`), answer(6, 200, `{}`),
		ask(7, "PATCH", profile, alice, `{"a":1}`), answer(7, 200, `{}`),
		ask(8, "REPORT", profile, alice, ""), answer(8, 200, `{}`),
	))
	pair("bodies of requests", "JSON is CBOR; what is none says its format; what has none and is JSON says so.", greeted(
		with(askAs(2, "/x", `{"a":1.0}`), "Content-Type: application/json; charset=utf-8"), answer(2, 200, `{}`),
		with(askAs(3, "/x", `{no`), "Content-Type: application/json"), answer(3, 200, `{}`),
		askAs(4, "/x", `{"a":1}`), answer(4, 200, `{}`),
		with(askAs(5, "/x", "hello"), "Content-Type: text/plain"), answer(5, 200, `{}`),
		with(askAs(6, "/x", "hello"), "Content-Type: text/plain;charset=utf-8"), answer(6, 200, `{}`),
		with(askAs(7, "/x", "\x89PNG"), "Content-Type: image/png"), answer(7, 200, `{}`),
		with(askAs(8, "/x", "\x00"), "Content-Type: application/x-foo"), answer(8, 200, `{}`),
		askAs(9, "/x", "\xff"), answer(9, 200, `{}`),
	))
	pair("bodies of answers", "An empty one that says JSON is format 50 without payload; none at all says nothing.", greeted(
		ask(2, "GET", "/x", alice, ""), answer(2, 200, ""),
		ask(3, "GET", "/x", alice, ""), answer(3, 200, "", "Content-Type: application/json"),
		ask(4, "GET", "/x", alice, ""), answer(4, 200, "{no", "Content-Type: application/json"),
		ask(5, "GET", "/x", alice, ""), answer(5, 200, "hello", "Content-Type: text/plain"),
		ask(6, "GET", "/x", alice, ""), answer(6, 200, "GIF", "Content-Type: image/gif"),
		ask(7, "GET", "/x", alice, ""), answer(7, 200, `[1e2,"\ud800"]`),
	))
	pair("envelopes", "What options cannot carry goes in front of the body: a target, a header that is too long.", greeted(
		ask(2, "GET", "/_matrix/client/v3/rooms/!r:x/state/t/..", alice, ""), answer(2, 200, `{}`),
		ask(3, "PUT", "/x?", alice, `{"a":1}`), answer(3, 200, `{}`),
		ask(4, "POST", "/7", alice, ""), answer(4, 200, `{}`),
		with(ask(5, "GET", "/x", alice, ""), "If-None-Match: "+strings.Repeat("y", 129)), answer(5, 200, `{}`),
		ask(6, "GET", "/x", alice, ""), answer(6, 302, "", "Location: /"+strings.Repeat("y", 129)),
	))
	pair("headers", "Those of the table travel as option 266, a byte and the value; others stay behind.", greeted(
		with(ask(2, "GET", "/x", alice, ""), "Range: bytes=0-9", "User-Agent: y", "If-Match: z"),
		answer(2, 206, "0123456789", "Content-Type: text/plain", "Content-Range: bytes 0-9/20", "Etag: y", "Server: z"),
		ask(3, "GET", "/x", alice, ""), answer(3, 200, `{}`, "Content-Type: application/json", "Cache-Control: no-store", "Set-Cookie: a=1", "Set-Cookie: b=2"),
	))
	tag, _ := coap.EntityTag("application/json", []byte(`{"a":1}`))
	pair("does it still hold?", "An If-None-Match of this form is an ETag option; where it does, the answer is 2.03 without payload.", greeted(
		with(ask(2, "GET", "/x", alice, ""), "If-None-Match: "+tag), answer(2, 200, `{"a": 1}`),
		with(ask(3, "GET", "/x", alice, ""), "If-None-Match: "+tag), answer(3, 200, `{"a":2}`),
	))
	var all script
	for i, s := range []struct {
		status  int
		headers []string
	}{
		{status: 201}, {status: 204}, {status: 304}, {status: 400}, {status: 401}, {status: 403}, {status: 404}, {status: 405},
		{status: 409}, {status: 413}, {status: 418}, {status: 429, headers: []string{"Retry-After: 7"}},
		{status: 500}, {status: 501}, {status: 502}, {status: 503, headers: []string{"Retry-After: 60"}}, {status: 504}, {status: 599},
	} {
		a := answer(i+2, s.status, `{}`, append([]string{"Content-Type: application/json"}, s.headers...)...)
		if s.status == 204 || s.status == 304 {
			a.answer.body, a.answer.headers = "", nil
		}
		all = append(all, ask(i+2, "GET", "/x", alice, ""), a)
	}
	pair("statuses", "The code where RFC 8075 has a pair, else option 264 beside the best one; Retry-After is Max-Age.", greeted(all...))
	pair("empty 413 and 503", "The homeserver's own carry option 264: without it they are the gateway's.", greeted(
		ask(2, "GET", "/x", alice, ""), answer(2, 413, ""),
		ask(3, "GET", "/x", alice, ""), answer(3, 503, ""),
	))
	pair("a separate response", "The answer that does not come within a second is acknowledged before, and a message of its own (RFC 7252 §5.2.2).", greeted(
		ask(2, "GET", syncing, alice, ""), pause(2), answer(2, 200, `{}`),
	))
	pair("an inquiry", "Who waits for long asks whether there is anything to wait for: option 265 under the token of the request.", greeted(
		ask(2, "GET", syncing, alice, ""), pause(2), pause(92.5), answer(2, 200, `{}`),
	))
	pair("the same message again", "What was answered is answered alike, and not executed twice (RFC 7252 §4.5).", greeted(
		lose(server), ask(2, "PUT", typing, alice, `{"typing":true}`), answer(2, 200, `{}`), pause(4),
	))
	for i, name := range []string{"unknown slot", "slot taken"} {
		code := fmt.Sprintf("%02x", i+1)
		f.rows = append(f.rows, between(coapgw, foreign, name, "Control "+code+": the request was not executed, and is made again with its token under a new number.", script{
			ask(1, "GET", versions, alice, ""), say(`ACK 2.05 mid:0001 token:00 260:02`),
			ask(2, "PUT", typing, alice, `{"typing":true}`), say(`ACK 4.00 mid:0002 token:01 268:` + code), say(`ACK 2.05 mid:0003 token:02 12:3c payload:a0`),
			ask(3, "GET", versions, alice, ""), say(`ACK 2.05 mid:0004 token:03`),
		}))
	}
	f.rows = append(f.rows,
		between(coapgw, foreign, "another link", "Control 3 and the server's own link: the request was not executed, and is made again without one.", script{
			ask(1, "GET", versions, "", ""), say(`ACK 4.00 mid:0001 token:00 260:0202 268:03`), say(`ACK 2.05 mid:0002 token:01 12:3c payload:a0`),
		}),
		between(coapgw, foreign, "nothing will come", "4.04 to an inquiry: the server was restarted. What changes nothing is asked again.", script{
			ask(1, "GET", versions, alice, ""), say(`ACK 2.05 mid:0001 token:00 260:02`),
			ask(2, "GET", syncing, alice, ""), say(`ACK 0.00 mid:0002`), pause(94), say(`ACK 4.04 mid:0003 token:01`), say(`ACK 2.05 mid:0004 token:02 12:3c payload:a0`),
		}),
		between(coapgw, foreign, "Echo", "The server must know that the request is fresh (RFC 9175 §2.3): it is made again with the value.", script{
			ask(1, "GET", versions, alice, ""), say(`ACK 2.05 mid:0001 token:00 260:02`),
			ask(2, "PUT", typing, alice, `{"typing":true}`), say(`ACK 4.01 mid:0002 token:01 252:0102030405060708`), say(`ACK 2.05 mid:0003 token:02 12:3c payload:a0`),
		}),
		between(coapgw, foreign, "the server restarts", "Control 4 to a long-poll: it is asked again at once.", script{
			ask(1, "GET", versions, alice, ""), say(`ACK 2.05 mid:0001 token:00 260:02`),
			ask(2, "GET", syncing, alice, ""), say(`ACK 4.00 mid:0002 token:01 268:04`), say(`ACK 2.05 mid:0003 token:02 12:3c payload:a0`),
		}),
		between(foreign, coapgw, "a slot that the server does not know", "It answers Control 1 and asks nobody.", script{
			say(`CON 0.01 mid:0001 token:01 11:"x" 257:01 260:02`), answer(1, 200, `{}`),
			say(`CON 0.01 mid:0002 token:02 11:"x" 259:09`),
		}),
		between(foreign, coapgw, "a slot with another token", "Control 2: slots are never redefined.", script{
			say(`CON 0.01 mid:0001 token:01 11:"x" 256:"tokA" 257:01 260:02`), answer(1, 200, `{}`),
			say(`CON 0.01 mid:0002 token:02 11:"x" 256:"tokB"`),
		}),
		between(foreign, coapgw, "a hello of a later level", "It is read like level 2.", script{
			say(`CON 0.01 mid:0001 token:01 11:"x" 257:01 260:03`), answer(1, 200, `{}`),
			say(`CON 0.01 mid:0002 token:02 11:"x" 259:`), answer(2, 200, `{}`),
		}),
		between(foreign, coapgw, "a link that is not known", "Control 3, and the server's own.", script{
			say(`CON 0.01 mid:0001 token:01 11:"x" 257:01 260:02ff`),
			say(`CON 0.01 mid:0002 token:02 11:"x" 257:01 260:02`), answer(1, 200, `{}`),
		}),
		between(foreign, coapgw, "who are you? A gateway", "An empty 260 in a GET without a path: 2.03, and nobody is asked.", script{
			say(`CON 0.01 mid:0001 token:01 257:01 260:`),
		}),
		between(foreign, coapgw, "an inquiry about nothing", "No such request is under way: 4.04.", script{
			say(`CON 0.01 mid:0001 token:01 11:"x" 257:01 260:02`), answer(1, 200, `{}`),
			say(`CON 0.01 mid:0002 token:07 265:`),
		}),
	)
	return f
}

// askAs is a POST with a body whose type is said apart.
func askAs(n int, target, body string) action {
	a := ask(n, "POST", target, alice, "")
	a.ask.body = body
	return a
}
