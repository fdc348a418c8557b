package vectors

// foreignFile is version 1 with peers that are no coapgw.
func foreignFile() *file {
	f := &file{name: "exchanges-foreign.json", Kind: "exchange", About: "version 1 of MSC3079 between a coapgw and any other peer: who shows what, tokens, methods, bodies, codes (docs/wire-v1.md, \"Who the peer is\")"}
	// at adds an exchange with our server, to our client one with our client.
	at := func(name, why string, s ...action) *exchangeRow {
		r := between(foreign, coapgw, name, why, s)
		f.rows = append(f.rows, r)
		return r
	}
	to := func(name, why string, s ...action) *exchangeRow {
		r := between(coapgw, foreign, name, why, s)
		f.rows = append(f.rows, r)
		return r
	}

	at("string keys", "Who has shown neither option 257 nor integer keys is answered with strings.",
		say(`CON 0.01 mid:0001 token:01 11:"7"`), answer(1, 200, `{"type":1}`))
	at("integer keys after option 257", "From then on.",
		say(`CON 0.01 mid:0001 token:01 11:"7" 257:01`), answer(1, 200, `{"type":1}`),
		say(`CON 0.01 mid:0002 token:02 11:"7"`), answer(2, 200, `{"type":1}`))
	at("integer keys after a body with one", "It shows that the peer knows them; string keys do not.",
		say(`CON 0.02 mid:0001 token:01 11:"G" 12:3c payload:a1616100`), answer(1, 200, `{"type":1}`),
		say(`CON 0.02 mid:0002 token:02 11:"G" 12:3c payload:a10200`), answer(2, 200, `{"type":1}`))
	at("JSON on request", "Accept 50 (RFC 7252 §5.10.4).",
		say(`CON 0.01 mid:0001 token:01 11:"7" 17:32`), answer(1, 200, `{"type":1.0}`))
	at("the token stays", "A request without 256 bears the last token that came; Bearer and none are the same token.",
		say(`CON 0.01 mid:0001 token:01 11:"7" 256:"tokA"`), answer(1, 200, `{}`),
		say(`CON 0.01 mid:0002 token:02 11:"7"`), answer(2, 200, `{}`),
		say(`CON 0.01 mid:0003 token:03 11:"7" 256:"Bearer tokB"`), answer(3, 200, `{}`),
		say(`CON 0.01 mid:0004 token:04 11:"7"`), answer(4, 200, `{}`))
	at("paths", "The enum is the r0 path; a v3 path comes in full; percent-encoding is that of RFC 7252 §6.5.",
		say(`CON 0.01 mid:0001 token:01 11:"W" 11:"@b/c:x"`), answer(1, 200, `{}`),
		say(`CON 0.01 mid:0002 token:02 11:"_matrix" 11:"client" 11:"v3" 11:"sync" 15:"since=s 1" 15:"filter={}"`), answer(2, 200, `{}`))
	at("methods", "All that CoAP has.",
		say(`CON 0.02 mid:0001 token:01 11:"3"`), answer(1, 200, `{}`),
		say(`CON 0.03 mid:0002 token:02 11:"Y" 11:"!r:x" 11:"@a:x" 12:3c payload:a11852f5`), answer(2, 200, `{}`),
		say(`CON 0.04 mid:0003 token:03 11:"e" 11:"D"`), answer(3, 200, `{}`),
		say(`CON 0.04 mid:0004 token:04 11:"e" 11:"D" 12:3c payload:a0`), answer(4, 200, `{}`),
		say(`CON 0.06 mid:0005 token:05 11:"x" 12:3c payload:a0`), answer(5, 200, `{}`),
		say(`CON 0.05 mid:0006 token:06 11:"x" 12:3c payload:a0`), answer(6, 200, `{}`))
	at("bodies", "CBOR is JSON; JSON and text go as they are; without a format nothing is said.",
		say(`CON 0.02 mid:0001 token:01 11:"x" 12:3c payload:a1616101`), answer(1, 200, `{}`),
		say(`CON 0.02 mid:0002 token:02 11:"x" 12:32 payload:"{\"a\": 1}"`), answer(2, 200, `{}`),
		say(`CON 0.02 mid:0003 token:03 11:"x" 12: payload:"hello"`), answer(3, 200, "hello", "Content-Type: text/plain;charset=utf-8"),
		say(`CON 0.02 mid:0004 token:04 11:"x" payload:00ff`), answer(4, 200, "GIF", "Content-Type: image/gif"))
	at("numbers", "A float with an integral value is an integer for Matrix; the answer has no tag where the value needs none.",
		say(`CON 0.02 mid:0001 token:01 11:"x" 12:3c 257:01 payload:a208fb427a201e6d32b0000af93c00`), answer(1, 200, `{"age":1.0,"a":1e400}`))
	at("non-confirmable", "The answer is too, and where it does not come at once there is nothing to acknowledge.",
		say(`NON 0.01 mid:0001 token:01 11:"7"`), answer(1, 200, `{}`))
	at("separate", "An empty acknowledgement after a second, the answer as a message of its own.",
		say(`CON 0.01 mid:0001 token:01 11:"7"`), pause(1.5), answer(1, 200, `{}`), say(`ACK 0.00 mid:8001`))
	at("again", "The same message is answered alike; another with that message ID is another request.",
		say(`CON 0.03 mid:0001 token:01 11:"x" 12:3c payload:a0`), answer(1, 200, `{}`),
		say(`CON 0.03 mid:0001 token:01 11:"x" 12:3c payload:a0`),
		say(`CON 0.03 mid:0001 token:02 11:"x" 12:3c payload:a0`), answer(2, 200, `{}`))
	at("statuses", "The code of RFC 8075 §7 alone: option 264 is between two coapgw.",
		say(`CON 0.01 mid:0001 token:01 11:"x"`), answer(1, 403, `{"errcode":"M_FORBIDDEN"}`),
		say(`CON 0.01 mid:0002 token:02 11:"x"`), answer(2, 418, `{}`),
		say(`CON 0.01 mid:0003 token:03 11:"x"`), answer(3, 429, `{"errcode":"M_LIMIT_EXCEEDED"}`, "Content-Type: application/json", "Retry-After: 7"),
		say(`CON 0.01 mid:0004 token:04 11:"x"`), answer(4, 302, "", "Location: /y"),
		say(`CON 0.01 mid:0005 token:05 11:"x"`), answer(5, 201, `{}`))

	to("the first request", "256 and 257 until a request that carried them was answered; 260 as long as the peer may be a coapgw.",
		ask(1, "GET", "/_matrix/client/r0/sync?timeout=0", alice, ""), say(`ACK 2.05 mid:0001 token:00 12:3c payload:a16474797065f5`),
		ask(2, "PUT", "/_matrix/client/r0/rooms/!r:x/typing/@a:x", alice, `{"typing":true}`), say(`ACK 2.04 mid:0002 token:01 12:3c payload:a0`))
	to("busy", "5.03 is no answer of who is asked: everything goes along again; Max-Age is Retry-After.",
		ask(1, "GET", versions, alice, ""), say(`ACK 5.03 mid:0001 token:00 14:0a`),
		ask(2, "GET", versions, alice, ""), say(`ACK 2.05 mid:0002 token:01 12:3c payload:a0`),
		ask(3, "GET", versions, alice, ""), say(`ACK 2.05 mid:0003 token:02 12:3c payload:a0`))
	to("no option 257", "4.02: the request goes again without.",
		ask(1, "POST", "/_matrix/client/r0/createRoom", alice, `{}`), say(`ACK 4.02 mid:0001 token:00`), say(`ACK 2.01 mid:0002 token:01 12:3c payload:a10562217a`),
		ask(2, "GET", versions, alice, ""), say(`ACK 2.05 mid:0003 token:02 12:3c payload:a0`))
	to("v3", "A v3 path goes in full.",
		ask(1, "GET", syncing, "", ""), say(`ACK 2.05 mid:0001 token:00 12:3c payload:a0`))
	to("v3 folded", "--fold-v3: as its r0 twin, once the peer is known to be no coapgw.",
		ask(1, "GET", syncing, "", ""), say(`ACK 2.05 mid:0001 token:00 12:3c payload:a0`),
		ask(2, "GET", syncing, "", ""), say(`ACK 2.05 mid:0002 token:01 12:3c payload:a0`)).FoldV3 = true
	to("methods of the client", "HEAD is a GET without its content; DELETE has a payload; what CoAP has no code for is refused here.",
		ask(1, "HEAD", versions, "", ""), say(`ACK 2.05 mid:0001 token:00`), say(`ACK 2.05 mid:0002 token:01 12:3c payload:a0`),
		ask(2, "DELETE", "/x", "", `{"a":1}`), say(`ACK 2.02 mid:0003 token:02`),
		ask(3, "PATCH", "/x", "", `{"a":1}`), say(`ACK 2.04 mid:0004 token:03`),
		ask(4, "REPORT", "/x", "", ""))
	to("not carried", "There is no envelope for it: 400, and nothing on the link but the question who the peer is.",
		ask(1, "GET", "/_matrix/client/r0/rooms/!r:x/state/t/..", "", ""), say(`ACK 4.04 mid:0001 token:00`),
		ask(2, "GET", "/7", "", ""))
	to("numbers of the client", "Without tags where the value needs none.",
		ask(1, "GET", versions, "", ""), say(`ACK 2.05 mid:0001 token:00`),
		ask(2, "PUT", "/x", "", `{"type":1.0,"a":2.50,"b":1e400}`), say(`ACK 2.04 mid:0002 token:01`))
	to("codes", "Each as its status of HTTP; content as it is.",
		ask(1, "GET", "/x", "", ""), say(`ACK 4.04 mid:0001 token:00 12:3c payload:a167657272636f64656b4d5f4e4f545f464f554e44`),
		ask(2, "GET", "/x", "", ""), say(`ACK 4.29 mid:0002 token:01 14:07`))
	to("JSON", "A peer may answer JSON as it is.",
		ask(1, "GET", "/x", "", ""), say(`ACK 2.05 mid:0001 token:00 12:32 payload:"{\"a\" : 1}"`))
	to("separate, from the server", "An empty acknowledgement, then the response, which is acknowledged; once more when it comes again.",
		ask(1, "GET", "/x", "", ""), say(`ACK 0.00 mid:0001`), pause(5), say(`CON 2.05 mid:8001 token:00 12:3c payload:a0`), say(`CON 2.05 mid:8001 token:00 12:3c payload:a0`))
	to("response before the acknowledgement", "It stands for both (RFC 7252 §5.2.2).",
		ask(1, "GET", "/x", "", ""), say(`CON 2.05 mid:8001 token:00 12:3c payload:a0`), say(`ACK 0.00 mid:0001`))
	to("rejected", "A Reset: the request was not taken.",
		ask(1, "GET", "/x", "", ""), say(`RST 0.00 mid:0001`))
	to("who is that?", "A response to nothing that was asked is rejected.",
		ask(1, "GET", "/x", "", ""), say(`CON 2.05 mid:8001 token:77 12:3c payload:a0`), say(`ACK 2.05 mid:0001 token:00`))
	return f
}

// optionFile has each option, as a server takes it from any client.
func optionFile() *file {
	f := &file{name: "options.json", Kind: "exchange", About: "each option at a server: known and unknown, critical and elective, of wrong length, from strangers and from a coapgw (docs/wire-v1.md, \"Options\"; RFC 7252 §5.4)"}
	at := func(name, why string, s ...action) {
		f.rows = append(f.rows, between(foreign, coapgw, name, why, s))
	}
	taken := func(name, why, words string) {
		at(name, why, say(`CON 0.01 mid:0001 token:01 `+words), answer(1, 200, `{"type":1}`))
	}
	refused := func(name, why, words string) { at(name, why, say(`CON 0.01 mid:0001 token:01 `+words)) }

	taken("unknown elective", "It is ignored.", `11:"7" 65000:01`)
	refused("unknown critical", "4.02, and nobody is asked.", `11:"7" 65001:01`)
	at("unknown critical, NON", "Ignored as a whole (RFC 7252 §5.4.1).", say(`NON 0.01 mid:0001 token:01 11:"7" 65001:01`))
	refused("If-Match", "Option 1 is critical, and none of ours.", `1:01 11:"7"`)
	taken("Uri-Host and Uri-Port", "Options 3 and 7: whoever is meant, it is this server.", `3:"gw" 7:1633 11:"7"`)
	refused("If-None-Match", "Option 5 is critical, and none of ours.", `5: 11:"7"`)
	taken("ETag from a stranger", "Option 4 is elective: what it means is agreed between two coapgw.", `4:ecc2c29a 11:"7"`)
	refused("Proxy-Uri", "Option 35: 5.05 (RFC 7252 §5.10.2).", `35:"http://other.example/"`)
	refused("Proxy-Scheme", "Option 39: 5.05.", `11:"7" 39:"http"`)
	taken("Accept CBOR", "Option 17.", `11:"7" 17:3c`)
	taken("Accept JSON", "Option 17.", `11:"7" 17:32`)
	at("Accept of what the answer is not", "4.06 (RFC 7252 §5.10.4).", say(`CON 0.01 mid:0001 token:01 11:"7" 17:16`), answer(1, 200, `{"type":1}`))
	refused("Accept of what no answer is", "4.06, and nobody is asked.", `11:"7" 17:28`)
	at("Accept, and an error", "Another error code takes precedence.", say(`CON 0.01 mid:0001 token:01 11:"7" 17:16`), answer(1, 404, `{"errcode":"M_NOT_FOUND"}`))
	taken("Observe elsewhere", "Option 6 on anything but /sync is answered without.", `6: 11:"0"`)
	taken("No-Response", "Option 258 is elective, and not ours.", `11:"7" 258:1a`)
	refused("Uri-Path of 256 bytes", "A critical option of illegal length is an unknown one (RFC 7252 §5.4.3).", `11:"`+repeated("y", 256)+`"`)
	refused("Accept twice", "A critical option that must not repeat (RFC 7252 §5.4.5).", `11:"7" 17:3c 17:32`)
	taken("Content-Format twice", "An elective one: the second is ignored.", `11:"7" 12:3c 12:32`)
	taken("Content-Format of three bytes", "Elective and of illegal length: ignored.", `11:"7" 12:00003c`)

	taken("256", "Access-Token.", `11:"7" 256:"tokA"`)
	taken("256 with its scheme", "Bearer may stand before it.", `11:"7" 256:"Bearer tokA"`)
	taken("256, empty", "Of illegal length and elective: ignored.", `11:"7" 256:`)
	taken("257", "Version 1 of keys and enums.", `11:"7" 257:01`)
	refused("257, a version of the future", "4.02: the client goes on without.", `11:"7" 257:02`)
	refused("259 from a stranger", "Critical, and only between two coapgw.", `11:"7" 259:01`)
	refused("261 from a stranger", "Critical, and only between two coapgw.", `11:"7" 261:"HEAD"`)
	refused("263 from a stranger", "Critical, and only between two coapgw.", `11:"7" 263: payload:8160`)
	taken("262 from a stranger", "Elective: read as it says.", `11:"7" 262:`)
	taken("264 from a stranger", "Elective, and of responses: ignored.", `11:"7" 264:c8`)
	taken("266 from a stranger", "Elective: read as it says.", `11:"7" 266:1162797465733d302d39`)
	taken("268, 270, 272 and 274 from a stranger", "Elective, and ignored.", `11:"7" 268:01 270:00 272:0a 274:01`)

	known := func(name, why, words string, more ...action) {
		at(name, why, append([]action{say(`CON 0.01 mid:0001 token:01 11:"0" 256:"tokA" 257:01 260:02`), answer(1, 200, `{}`), say(words)}, more...)...)
	}
	known("259 of a coapgw, zero", "Slot 0: no token.", `CON 0.01 mid:0002 token:02 11:"7" 259:`, answer(2, 200, `{}`))
	known("259 of a coapgw, three bytes", "Of illegal length, and critical.", `CON 0.01 mid:0002 token:02 11:"7" 259:000001`)
	known("261 of a coapgw", "The method of HTTP.", `CON 0.02 mid:0002 token:02 11:"x" 261:"PURGE"`, answer(2, 200, `{}`))
	known("261 of a coapgw, no method", "It must be a token of HTTP.", `CON 0.02 mid:0002 token:02 11:"x" 261:"GET /"`)
	known("262 of a coapgw", "v3, encodeURIComponent in path and query: 64+8+1, exclusive-or 64.", `CON 0.01 mid:0002 token:02 11:"W" 11:"@b:x" 15:"a=b:c" 262:09`, answer(2, 200, `{}`))
	known("263 of a coapgw", "The target and a header in front of the body.", `CON 0.02 mid:0002 token:02 12:3c 263: payload:83622f376552616e67656179a0`, answer(2, 200, `{}`))
	known("263 of a coapgw, malformed", "400: an envelope is an array of strings.", `CON 0.02 mid:0002 token:02 263: payload:a0`)
	known("265 of a coapgw", "The request with this token was answered: nothing will come.", `CON 0.01 mid:0002 token:01 265:`)
	known("266 of a coapgw", "Header 17 is Range, 99 is none.", `CON 0.01 mid:0002 token:02 11:"x" 266:1162797465733d302d39 266:6379`, answer(2, 200, `{}`))
	known("19 of a coapgw, malformed", "A Q-Block1 option of SZX 7 (RFC 9177).", `CON 0.02 mid:0002 token:02 11:"x" 19:07 payload:00`)
	return f
}
