package vectors

// streamFile is a room as a stream of small messages.
func streamFile() *file {
	f := &file{name: "stream.json", Kind: "exchange", About: "a room as a stream of single small messages, for clients that are too small for /sync (docs/wire-v1.md, \"Room stream\")"}
	add := func(name, why string, s ...action) {
		f.rows = append(f.rows, between(foreign, coapgw, name, why, s))
	}
	const joined = `{"next_batch":"s1","rooms":{"join":{"!r:x":{"timeline":{"events":[{"type":"m.room.message","event_id":"$a","sender":"@b:x","content":{"body":"old"}}],"prev_batch":"p"}}}}}`
	add("events", "Registration (~ and the room) is answered with a mark; each event is a notification with sender (6), body (27) and its mark (-1), and the next one waits for the acknowledgement; the second does not fit 24 bytes: -3 says how many are missing.",
		say(`CON 0.01 mid:0001 token:0b 6: 11:"~" 11:"!r:x" 15:"m=24" 256:"tokA"`),
		answer(1, 200, `{"user_id":"@a:x"}`), answer(2, 200, joined),
		answer(3, 200, `{"next_batch":"s2","rooms":{"join":{"!r:x":{"timeline":{"events":[{"type":"m.room.message","event_id":"$c","sender":"@b:x","content":{"body":"21.5"}},{"type":"m.room.message","event_id":"$d","sender":"@c:y","content":{"body":"a text that is too long"}}]}}}}}`),
		say(`ACK 0.00 mid:8001`), say(`ACK 0.00 mid:8002`),
		say(`CON 0.01 mid:0002 token:0b 6:01 11:"~" 11:"!r:x" 15:"m=24"`))
	add("a parameter that there is not", "4.00, and no stream.", say(`CON 0.01 mid:0001 token:0b 6: 11:"~" 11:"!r:x" 15:"z=1" 256:"tokA"`))
	add("without Observe", "A path of the homeserver like any other.", say(`CON 0.01 mid:0001 token:0b 11:"~" 11:"!r:x" 256:"tokA"`), answer(1, 404, `{}`))
	return f
}
