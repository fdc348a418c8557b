package vectors

import (
	"fmt"

	"github.com/coapgw/coapgw/cborcodec/dialect"
)

// version2File is wire version 2 between two coapgw. Its payloads hold for one format: whoever
// has another one skips the file.
func version2File() (*file, error) {
	format, err := formatOf()
	if err != nil {
		return nil, err
	}
	id := format.ID().String()
	f := &file{
		name: "version2.json", Kind: "exchange", Format: id,
		About: "wire version 2 (docs/wire-v2.md): how two ends agree, first messages, tables, errors, push; content is the payload before the coder",
	}
	add := func(client, server, class, name, why string, s ...action) *exchangeRow {
		r := between(client, server, name, why, s)
		r.Version2, r.Home, r.Class = true, "hs", class
		f.rows = append(f.rows, r)
		return r
	}
	const (
		room  = "/_matrix/client/v3/rooms/!roomroom:hs"
		event = `{"event_id":"$MnGdqIM7JEQobRZcTioD2KKm1ul5cv3ieI9jgJX4kj8"}`
		whoAm = "/_matrix/client/v3/account/whoami"
	)
	// talk is a first sync, a message that is sent, and the sync that brings it back.
	talk := []action{
		ask(1, "GET", versions, alice, ""), answer(1, 200, `{"versions":["v1.11"]}`),
		ask(2, "GET", whoAm, alice, ""), answer(2, 200, `{"user_id":"@alice:hs"}`),
		ask(3, "GET", syncing+"?timeout=0", alice, ""), answer(3, 200, `{"next_batch":"s1_2","rooms":{"join":{"!roomroom:hs":{"timeline":{"events":[{"type":"m.room.message","sender":"@bob:hs","content":{"msgtype":"m.text","body":"hi"},"origin_server_ts":1795328724550}]}}}}}`),
		ask(4, "PUT", room+"/send/m.room.message/m1795328724548.1", alice, `{"msgtype":"m.text","body":"hello"}`), answer(4, 200, event),
		ask(5, "GET", syncing+"?timeout=0&since=s1_2", alice, ""), answer(5, 200, `{"next_batch":"s2_2","rooms":{"join":{"!roomroom:hs":{"timeline":{"events":[{"type":"m.room.message","sender":"@alice:hs","content":{"msgtype":"m.text","body":"hello"},"event_id":"$MnGdqIM7JEQobRZcTioD2KKm1ul5cv3ieI9jgJX4kj8","origin_server_ts":1795328724560}]}}}}}`),
		ask(6, "PUT", room+"/send/m.room.message/m1795328724548.2", alice, `{"msgtype":"m.text","body":"hello again"}`), answer(6, 200, event),
	}
	add(coapgw, coapgw, "microcontroller", "a conversation, without the model", "A microcontroller does without mixing: payloads are raw or deflate. The first acknowledgement is by number, later ones are in the header byte; what both know is referred to from the third request on.", talk...)
	add(coapgw, coapgw, "", "a conversation", "The same with the coder of a server.", talk[:10]...)
	add(coapgw, coapgw, "microcontroller", "two users", "The slot stands beside the payload; the tables are those of the session.",
		ask(1, "GET", versions, alice, ""), answer(1, 200, `{}`),
		ask(2, "GET", whoAm, alice, ""), answer(2, 200, `{"user_id":"@alice:hs"}`),
		ask(3, "GET", whoAm, bob, ""), answer(3, 200, `{"user_id":"@bob:hs"}`),
		ask(4, "GET", "/_matrix/client/v3/profile/@bob:hs", bob, ""), answer(4, 200, `{}`))
	add(coapgw, coapgw, "microcontroller", "private", "A login is remembered nowhere: nothing is inserted and nothing referred to.",
		ask(1, "GET", versions, "", ""), answer(1, 200, `{}`),
		ask(2, "POST", "/_matrix/client/v3/login", "", `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"@alice:hs"},"password":"secret"}`),
		answer(2, 200, `{"user_id":"@alice:hs","access_token":"syt_x","device_id":"ABCDEFGHIJ"}`))
	add(coapgw, coapgw, "microcontroller", "what is rare", "Other methods are POST with the method in the payload; statuses and headers are as in version 1; what is no JSON is of version 1; an empty payload is {}.",
		ask(1, "GET", versions, alice, ""), answer(1, 200, `{}`),
		ask(2, "DELETE", "/_matrix/client/v3/devices/D", alice, `{}`), answer(2, 401, `{"session":"x"}`),
		ask(3, "GET", "/x?a=b%20c", alice, ""), answer(3, 418, `{"a":1.0}`),
		ask(4, "POST", "/_matrix/client/v3/logout", alice, ""), answer(4, 200, `{}`),
		ask(5, "GET", versions, alice, ""), answer(5, 200, ""),
		with(askAs(6, "/_matrix/media/v3/upload", "hello"), "Content-Type: text/plain"), answer(6, 200, `{"content_uri":"mxc://hs/a"}`),
		ask(7, "GET", "/x", alice, ""), answer(7, 200, "hello", "Content-Type: text/plain"),
		ask(8, "GET", "/x", alice, ""), answer(8, 429, `{"errcode":"M_LIMIT_EXCEEDED"}`, jsonType, "Retry-After: 7"))
	add(coapgw, coapgw, "microcontroller", "a response is lost", "The request comes again as it was, and so does its response: each is one message (rules T1 and T3).",
		ask(1, "GET", versions, alice, ""), answer(1, 200, `{}`),
		lose(server), ask(2, "GET", whoAm, alice, ""), answer(2, 200, `{"user_id":"@alice:hs"}`), pause(4),
		ask(3, "GET", "/_matrix/client/v3/profile/@alice:hs", alice, ""), answer(3, 200, `{}`))
	add(coapgw, coapgw, "microcontroller", "tables of 16", "The smaller number of both ends counts; an entry that lies further back than that is not referred to.",
		ask(1, "GET", versions, alice, ""), answer(1, 200, `{}`),
		ask(2, "GET", "/_matrix/client/v3/profile/@bob:hs", alice, ""), answer(2, 200, `{}`),
		ask(3, "GET", "/_matrix/client/v3/profile/@bob:hs", alice, ""), answer(3, 200, `{}`)).Entries = 16
	add(coapgw, coapgw, "", "no tables", "Binary logarithm 0.",
		ask(1, "GET", versions, alice, ""), answer(1, 200, `{}`),
		ask(2, "GET", "/_matrix/client/v3/profile/@bob:hs", alice, ""), answer(2, 200, `{}`),
		ask(3, "GET", "/_matrix/client/v3/profile/@bob:hs", alice, ""), answer(3, 200, `{}`)).Entries = -1
	add(coapgw, coapgw, "microcontroller", "pushed sync", "A poll with a since registers (Observe 0) and is answered 2.03 without waiting; what is new comes as a notification that names its base and since, and is acknowledged when the client has come back for what follows.",
		ask(1, "GET", versions, alice, ""), answer(1, 200, `{}`),
		ask(2, "GET", syncing+"?timeout=0", alice, ""), answer(2, 200, `{"next_batch":"s1_2"}`),
		ask(3, "GET", syncing+"?timeout=30000&since=s1_2", alice, ""),
		answer(3, 200, `{"next_batch":"s2_2","rooms":{"join":{"!roomroom:hs":{"timeline":{"events":[{"type":"m.room.message","sender":"@bob:hs","content":{"msgtype":"m.text","body":"hi"},"origin_server_ts":1795328724550}]}}}}}`),
		ask(4, "GET", syncing+"?timeout=30000&since=s2_2", alice, ""),
		answer(4, 200, `{"next_batch":"s3_2","presence":{"events":[]},"rooms":{"join":{"!roomroom:hs":{"timeline":{"events":[{"type":"m.room.message","sender":"@bob:hs","content":{"msgtype":"m.text","body":"there?"},"origin_server_ts":1795328724950}]}}}}}`),
		ask(5, "GET", syncing+"?timeout=30000&since=s3_2", alice, ""), pause(31)).Push = true

	const offered = `ACK 2.05 mid:0001 token:00 260:02 272:`
	hello := ask(1, "GET", versions, alice, "")
	profiled := ask(2, "GET", "/_matrix/client/v3/profile/@bob:hs", alice, "")
	add(coapgw, foreign, "", "an offer that nobody answers", "A coapgw without version 2: version 1 goes on, and nothing is offered again.",
		hello, say(`ACK 2.05 mid:0001 token:00 260:02`), profiled, say(`ACK 2.05 mid:0002 token:01 12:3c payload:a0`))
	add(coapgw, foreign, "", "no format in common", "The answer has an empty 272: version 1 goes on.",
		hello, say(offered), profiled, say(`ACK 2.05 mid:0002 token:01 12:3c payload:a0`))
	add(coapgw, foreign, "", "a format that was not offered", "It is none in common.",
		hello, say(offered+"0affffffff"), profiled, say(`ACK 2.05 mid:0002 token:01 12:3c payload:a0`))
	add(coapgw, foreign, "microcontroller", "unknown state", "4.00 with the payload 0301: the server does not know what the request refers to. It is made again in a new epoch, and refers to nothing (rule T7).",
		hello, say(offered+"0a"+id+"6873"), profiled, say(`ACK 2.05 mid:0002 token:01 payload:00d6a202010300a107d6c065616c696365`),
		ask(3, "GET", "/_matrix/client/v3/profile/@bob:hs", alice, ""), say(`ACK 4.00 mid:0003 token:02 payload:0301`), say(`ACK 2.05 mid:0004 token:03`))
	add(coapgw, foreign, "microcontroller", "the format is gone", "Control 5: made again in version 1, with an offer.",
		hello, say(offered+"0a"+id+"6873"), profiled, say(`ACK 4.00 mid:0002 token:01 268:05`), say(`ACK 2.05 mid:0003 token:02 12:3c 272:0a`+id+`6873 payload:a0`),
		ask(3, "GET", "/_matrix/client/v3/profile/@bob:hs", alice, ""), say(`ACK 2.05 mid:0004 token:03`))
	add(coapgw, foreign, "microcontroller", "an answer to what was not read", "Control 6: the client takes nothing for known that was in its request.",
		hello, say(offered+"0a"+id+"6873"), profiled, say(`ACK 5.03 mid:0002 token:01 268:06`),
		ask(3, "GET", "/_matrix/client/v3/profile/@bob:hs", alice, ""), say(`ACK 2.05 mid:0003 token:02`))
	add(coapgw, foreign, "microcontroller", "a payload that is none", "The HTTP client is told 502.",
		hello, say(offered+"0a"+id+"6873"), profiled, say(`ACK 2.05 mid:0002 token:01 payload:ff`))

	add(coapgw, foreign, "microcontroller", "the end of a push", "5.03 with Control 7: there is an update that is too long. The client asks for it as for anything else, then registers anew. 5.03 with Control 8: the server was restarted, and the client registers anew.",
		hello, say(offered+"0a"+id+"6873"),
		ask(2, "GET", syncing+"?timeout=0", alice, ""), say(`ACK 2.05 mid:0002 token:01 payload:00a1136473315f32`),
		ask(3, "GET", syncing+"?timeout=9000&since=s1_2", alice, ""), say(`ACK 2.03 mid:0003 token:02 6:`),
		say(`CON 5.03 mid:8001 token:02 268:07`), say(`ACK 2.05 mid:0004 token:03 payload:00a2136473325f32617801`),
		ask(4, "GET", syncing+"?timeout=9000&since=s2_2", alice, ""), say(`ACK 2.03 mid:0005 token:04 6:`),
		say(`CON 5.03 mid:8002 token:04 268:08`), say(`ACK 2.03 mid:0006 token:05 6:`)).Push = true

	const first = `CON 0.01 mid:0001 token:00 11:"0" 257:01 260:02 272:`
	add(foreign, coapgw, "", "an offer of other formats", "None in common: an empty 272.",
		say(first+"0affffffff00000000"), answer(1, 200, `{}`))
	add(foreign, coapgw, "", "an offer of several", "The first one that the server has; the smaller tables, the server's class, the home server's name.",
		say(first+"24ffffffff"+id), answer(1, 200, `{}`))
	add(foreign, coapgw, "", "an offer that is malformed", "A format is cut: as if nothing had been offered, or none in common.",
		say(first+"0affff"), answer(1, 200, `{}`))
	add(foreign, coapgw, "", "an offer from a stranger", "Option 272 is elective: without 260 it says nothing.",
		say(`CON 0.01 mid:0001 token:00 11:"0" 257:01 272:0a`+id), answer(1, 200, `{}`))
	add(foreign, coapgw, "", "version 2 before it is agreed on", "Control 5.",
		say(`CON 0.01 mid:0001 token:00 11:"0" 257:01 260:02`), answer(1, 200, `{}`),
		say(`CON 0.05 mid:0002 token:01 payload:00`+routeItem("GET /_matrix/client/versions")))
	// Requests by hand: the numbers of routes are those of the tables.
	known := routeItem("GET /_matrix/client/versions")
	named := routeItem("GET /_matrix/client/v3/profile/{userId}")
	agreed := []action{say(first + "0a" + id), answer(1, 200, `{}`)}
	bad := func(name, why, words string, more ...action) {
		add(foreign, coapgw, "", name, why, append(append(agreed[:2:2], say(words)), more...)...)
	}
	bad("raw", "Header 00, then the content: the number of the route. Slot 0.", `CON 0.05 mid:0002 token:01 259: payload:00`+known, answer(2, 200, `{}`))
	bad("padding", "Kind 1: a length, a payload and zeros.", fmt.Sprintf(`CON 0.05 mid:0002 token:01 259: payload:07%02x00%s000000`, 1+len(known)/2, known), answer(2, 200, `{}`))
	bad("an unknown base", "A names a batch of the server's that there is not: 4.00 with 0301, and nothing is executed.", `CON 0.05 mid:0002 token:01 259: payload:08`+known)
	bad("an unknown reference", "Nothing was inserted: 4.00 with 0301.", `CON 0.05 mid:0002 token:01 259: payload:00`+named+`d700`)
	bad("a coder that says too much", "Mixing whose length is beyond the limit: 400 with Control 6.", `CON 0.05 mid:0002 token:01 259: payload:02ffffffff`)
	bad("an unknown wrapping", "Kind 9: 400 with Control 6.", `CON 0.05 mid:0002 token:01 259: payload:2700`)
	bad("no route", "Malformed content: 400 with Control 6.", `CON 0.05 mid:0002 token:01 259: payload:00f6`)
	return f, nil
}

// routeItem is the number of a route as the content of a request begins with it.
func routeItem(request string) string {
	n, ok := dialect.RouteNumber(request)
	if !ok || n > 0xff {
		panic(request)
	}
	return fmt.Sprintf("%x", cborUint(uint64(n)))
}
