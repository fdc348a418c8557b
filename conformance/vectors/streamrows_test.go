package vectors

import (
	"fmt"
	"strings"
)

// streamFile is the room stream, with peers that are no coapgw.
func streamFile() *file {
	f := &file{name: "stream.json", Kind: "exchange", About: "a room as a stream of single small messages (docs/wire-v1.md, \"Room stream\"); without a PSK the marks are made with the access token"}
	add := func(name, why string, s ...action) {
		f.rows = append(f.rows, between(foreign, coapgw, name, why, s))
	}
	event := func(id, sender, body string) string {
		return fmt.Sprintf(`{"type":"m.room.message","event_id":%q,"sender":%q,"content":{"msgtype":"m.text","body":%q}}`, id, sender, body)
	}
	news := func(next, membership string, events ...string) string {
		return fmt.Sprintf(`{"next_batch":%q,"rooms":{%q:{"!r:x":{"timeline":{"events":[%s]}}}}}`, next, membership, strings.Join(events, ","))
	}
	const (
		register = `CON 0.01 mid:0001 token:01 6: 11:"~" 11:"!r:x"`
		secret   = ` 256:"secret"`
		// 32 bytes, as in rooms of today
		longID = "$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	)
	first := event("$first", "@bob:x", "off")
	who := answer(1, 200, `{"user_id":"@alice:x"}`)
	begin := []action{say(register + secret), who, answer(2, 200, news("s1", "join", first))}
	ack := func(n int) action { return say(fmt.Sprintf(`ACK 0.00 mid:%04x`, firstOfServer+n)) }

	add("events", "The answer to the registration says where the stream goes on; then comes one event in each confirmable message, the second one when the first one is acknowledged, and when both are the server polls on.",
		append(begin, answer(3, 200, news("s2", "join", event("$second", "@bob:x", "on"), event("$third", "@carol:y", "why?"))),
			ack(0), ack(1))...)
	add("alias and last event", "An alias without a server name is one of the user's homeserver; the event that is there already is told first.",
		say(`CON 0.01 mid:0001 token:01 6: 11:"~" 11:"#lab" 15:"n=1"`+secret), who,
		answer(2, 200, `{"room_id":"!r:x"}`), answer(3, 200, news("s1", "join", first)), ack(0))
	add("fields", "Other types, other fields, no marks, and nothing of the user's own; the format is said to who asks for it.",
		say(register+` 15:"t=org.example.*" 15:"f=2,celsius" 15:"o=0" 15:"k=0" 17:3c`+secret), who, answer(2, 200, news("s1", "join", first)),
		answer(3, 200, news("s2", "join",
			`{"type":"org.example.heat","event_id":"$a","sender":"@alice:x","content":{"celsius":19}}`,
			`{"type":"org.example.heat","event_id":"$b","sender":"@bob:x","content":{"celsius":20.5}}`)), ack(0))
	long := event(longID, "@bob:x", "This does not fit, and is cut at the end of a character: é")
	add("cut", "Of a text that does not fit comes the beginning, with the number of bytes that are missing.",
		append(begin, answer(3, 200, news("s2", "join", long)), ack(0))...)
	add("ID in place", "With l=i comes the ID of an event that does not fit.",
		say(register+` 15:"l=i"`+secret), who, answer(2, 200, news("s1", "join", first)),
		answer(3, 200, news("s2", "join", long)), ack(0))
	add("mark that is not found", "How many events came after it is not known: -2 of 0, and the newest there are.",
		say(register+` 15:"s=1"`+secret), who, answer(2, 200, news("s1", "join", first)), ack(0), ack(1))
	add("to-device message", "The homeserver would forget it if it were asked past it: it is asked again from where it was.",
		append(begin, answer(3, 200, strings.Replace(news("s2", "join", event("$second", "@bob:x", "on")), "{", `{"to_device":{"events":[{"type":"m.room_key"}]},`, 1)),
			ack(0), pause(2), answer(4, 200, news("s3", "join", event("$second", "@bob:x", "on"))), pause(2))...)
	add("logged out", "The last notification has no Observe and no payload.",
		append(begin, answer(3, 401, `{"errcode":"M_UNKNOWN_TOKEN"}`), ack(0), pause(60))...)
	add("registered again", "With the same token and request the stream goes on where it is.",
		append(begin, answer(3, 200, news("s2", "join", event("$second", "@bob:x", "on"))), ack(0),
			say(strings.Replace(register, "0001", "0002", 1)+secret), answer(5, 200, news("s3", "join", event("$third", "@bob:x", "off"))), ack(1))...)
	return f
}
