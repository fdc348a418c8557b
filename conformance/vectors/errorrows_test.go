package vectors

import "strings"

// repeated is a text n times.
func repeated(s string, n int) string { return strings.Repeat(s, n) }

// errorFile is what is answered where something is wrong, and what an HTTP client is told.
func errorFile() *file {
	f := &file{name: "errors.json", Kind: "exchange", About: "errors of homeserver, gateway and message layer, and what the HTTP client is told (docs/wire-v1.md, \"Statuses\")"}
	add := func(client, server, name, why string, s ...action) *exchangeRow {
		r := between(client, server, name, why, s)
		f.rows = append(f.rows, r)
		return r
	}
	add(coapgw, coapgw, "errors of Matrix", "They are bodies like others; the codes 4.01, 4.03, 4.04, 4.29.", greeted(
		ask(2, "GET", "/x", alice, ""), answer(2, 401, `{"errcode":"M_UNKNOWN_TOKEN","error":"x","soft_logout":true}`),
		ask(3, "GET", "/x", alice, ""), answer(3, 403, `{"errcode":"M_FORBIDDEN","error":"x"}`),
		ask(4, "GET", "/x", alice, ""), answer(4, 404, `{"errcode":"M_NOT_FOUND","error":"x"}`),
		ask(5, "GET", "/x", alice, ""), answer(5, 429, `{"errcode":"M_LIMIT_EXCEEDED","error":"x","retry_after_ms":2000}`, "Content-Type: application/json", "Retry-After: 2"),
	)...)
	add(coapgw, coapgw, "too large", "4.13 with Size1 comes from the message layer, before anybody is asked.", greeted(
		ask(2, "PUT", "/x", alice, `"`+repeated("y", 70)+`"`),
	)...).MaxBody = 64
	add(foreign, coapgw, "not CBOR", "Content-Format 60 and a payload that is none: 4.00.",
		say(`CON 0.02 mid:0001 token:01 11:"x" 12:3c payload:ff`))
	add(foreign, coapgw, "CBOR that is no JSON", "A byte string has no JSON form: 4.00.",
		say(`CON 0.02 mid:0001 token:01 11:"x" 12:3c payload:4100`))
	add(foreign, coapgw, "no such enum", "Row W with two parameters: 4.04.",
		say(`CON 0.01 mid:0001 token:01 11:"W" 11:"@b:x" 11:"y"`))
	add(foreign, coapgw, "dots in a path", "They are no legal Uri-Path: 4.04.",
		say(`CON 0.01 mid:0001 token:01 11:"x" 11:".."`))
	add(foreign, coapgw, "no method", "0.31 is no method: 4.05.",
		say(`CON 0.31 mid:0001 token:01 11:"x"`))
	add(foreign, coapgw, "iPATCH", "0.07 has no method of HTTP.",
		say(`CON 0.07 mid:0001 token:01 11:"x" payload:00`))
	add(foreign, coapgw, "a diagnostic payload", "4.02 names the option in text (RFC 7252 §5.5.2): no Content-Format.",
		say(`CON 0.01 mid:0001 token:01 11:"x" 2049:`))
	for _, c := range []struct{ name, why, words string }{
		{"a diagnostic payload for the client", "It is passed on, without a type.", `4.00 mid:0001 token:00 payload:"no such thing"`},
		{"a 4.04 without content", "The status is all there is.", `4.04 mid:0001 token:00`},
		{"4.13 of the message layer", "413 without content and without option 264.", `4.13 mid:0001 token:00 60:40`},
		{"5.03 with Max-Age", "503 and Retry-After (RFC 8516).", `5.03 mid:0001 token:00 14:3c`},
		{"4.08", "The body did not arrive whole, and the request was not executed: 502.", `4.08 mid:0001 token:00`},
		{"5.05", "The peer takes us for a forward proxy.", `5.05 mid:0001 token:00`},
		{"a critical option in a response", "The response is rejected (RFC 7252 §5.4.1): 502.", `2.05 mid:0001 token:00 65001:01`},
		{"an answer that is no CBOR", "502.", `2.05 mid:0001 token:00 12:3c payload:ff`},
		{"an unknown code of class 4", "It is 4.00 (RFC 7252 §5.8).", `4.30 mid:0001 token:00`},
		{"an unknown code of class 5", "It is 5.00.", `5.30 mid:0001 token:00`},
		{"a redirection", "Class 3 has no meaning in CoAP.", `3.01 mid:0001 token:00`},
	} {
		add(coapgw, foreign, c.name, c.why, ask(1, "GET", "/x", "", ""), say("ACK "+c.words))
	}
	return f
}

// messageFile is what RFC 7252 calls a message and what it does not.
func messageFile() *file {
	f := &file{name: "messages.json", Kind: "message", About: "datagrams as the first of a session: message format errors (RFC 7252 §3, §4.1 to §4.3) and what a server does with them"}
	good := func(name, why, words string) {
		f.rows = append(f.rows, &messageVector{Name: name, Why: why, Reads: words})
	}
	bad := func(name, why, digits string) {
		f.rows = append(f.rows, &messageVector{Name: name, Why: why, Message: digits})
	}
	good("a request", "The shortest one: GET without a path.", `CON 0.01 mid:0001`)
	good("without a token", "A token may be empty.", `CON 0.01 mid:0001 11:"7"`)
	good("a token of 8 bytes", "The longest.", `CON 0.01 mid:0001 token:0102030405060708 11:"7"`)
	good("deltas and lengths", "12, 13 and 269 are where the forms of RFC 7252 §3.1 change.", `CON 0.01 mid:0001 token:01 11:"`+repeated("a", 12)+`" 11:"`+repeated("b", 13)+`" 65000:`+repeated("64", 269))
	good("message ID 0", "As good as others.", `CON 0.01 mid:0000 token:01 11:"7"`)
	good("ping", "Empty and confirmable: Reset (RFC 7252 §4.3).", `CON 0.00 mid:0001`)
	good("an acknowledgement of nothing", "Ignored.", `ACK 0.00 mid:0001`)
	good("a reset of nothing", "Ignored.", `RST 0.00 mid:0001`)
	good("a response to nothing", "Confirmable: Reset.", `CON 2.05 mid:0001 token:01`)
	good("a response to nothing, NON", "Ignored, or rejected.", `NON 2.05 mid:0001 token:01`)
	good("a piggybacked response to nothing", "An acknowledgement is never rejected.", `ACK 2.05 mid:0001 token:01`)
	good("payload of one byte", "Content that is not said to be JSON.", `CON 0.02 mid:0001 token:01 11:"x" payload:00`)

	for i := 9; i < 16; i++ {
		token := repeated("00", i)
		bad("token length "+string("0123456789abcdef"[i]), "Lengths 9 to 15 are reserved: a message format error, even if there are so many bytes.", "4"+string("0123456789abcdef"[i])+"010001"+token)
	}
	bad("nothing", "Shorter than a header: ignored.", "")
	bad("three bytes", "Shorter than a header: ignored.", "400100")
	bad("version 0", "Ignored in silence (RFC 7252 §3).", "00010001")
	bad("version 2", "Ignored in silence.", "80010001")
	bad("version 3", "Ignored in silence.", "c0010001")
	bad("cut token", "Four bytes of token, of which two are there.", "440100010102")
	bad("marker without payload", "A message format error (RFC 7252 §3).", "4101000101ff")
	bad("marker without payload behind an option", "The same.", "4101000101b137ff")
	bad("option delta 15", "Reserved for the marker.", "4101000101f137")
	bad("option length 15", "Reserved.", "4101000101bf37")
	bad("cut option", "Three bytes of value, of which one is there.", "4101000101b337")
	bad("cut extension", "Delta 13 without its byte.", "4101000101d0")
	bad("cut extension of two bytes", "Delta 14 with one byte.", "4101000101e000")
	bad("option number beyond 65535", "65535 and one more.", "4101000101e0fef210")
	bad("empty with a token", "Only the four bytes of the header (RFC 7252 §4.1).", "4100000101")
	bad("empty with a payload", "Only the four bytes of the header.", "40000001ff00")
	bad("empty, NON", "It has no meaning (RFC 7252 §4.3): ignored.", "50000001")
	bad("class 1", "Reserved: rejected.", "40210001")
	bad("class 6", "Reserved: rejected.", "40c10001")
	bad("class 7", "Reserved: rejected.", "40e10001")
	bad("class 7, NON", "Reserved: ignored or rejected.", "50e10001")
	bad("request in an acknowledgement", "It has no meaning (RFC 7252 §4.3): ignored.", "6101000101")
	bad("reset with a code", "It has no meaning: ignored.", "70450001")
	return f
}
