package dialect

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// specialKeys are those whose values may be left out, kept or counted.
var specialKeys = []string{
	"age", "content", "next_batch", "pos", "prev_batch", "origin_server_ts", "transaction_id", "device_id",
	"unsigned", "sender", "since", "body", "formatted_body", "event_id", counterKeys[0], counterKeys[1], counterKeys[2],
}

// keyText draws a special key, sometimes written with an escape.
func keyText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		key := rapid.SampledFrom(specialKeys).Draw(t, "key")
		if rapid.IntRange(0, 9).Draw(t, "escape") == 0 {
			at := rapid.IntRange(0, len(key)-1).Draw(t, "at")
			key = key[:at] + fmt.Sprintf(`\u%04x`, key[at]) + key[at+1:]
		}
		return `"` + key + `"`
	})
}

// Few values, so that they come again.
func tokens() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`s7259[0-9]_448[0-9](_193[0-9])?`),
		rapid.StringMatching(`t[0-9]-7259[0-9]_448[0-9](_193[0-9])?`),
		rapid.StringMatching(`t8[0-9]_49[0-9]`),
		rapid.StringMatching(`s[0-9]_[0-9]-[0-9]`),
		rapid.StringMatching(`[1-9]/s7259[0-9]_448[0-9]`),
		rapid.StringMatching(`[0-9]{1,6}`),
		rapid.SampledFrom([]string{"s1", "s999999999999999_0", "s0_0", "t0-0", "t0-0_0", "999999999999999", "s1000000000000000_0"}),
	)
}

var echoBodies = []string{
	`{"msgtype":"m.text","body":"hello world"}`, `{"body":"hello world","msgtype":"m.text"}`,
	`{"b":{"d":1,"c":[{"f":2,"e":3}]},"a":null}`, `{"a":null,"b":{"c":[{"e":3,"f":2}],"d":1}}`,
	`{"body":"a\nb","a b":1.50}`, `{"body":"ü","content":{"age":5}}`, `{"a":1,"a":2}`, `{}`, `{"\u0061":"\u0062xxxxxxxxx"}`,
	`{"z":"\ud800xxxxxxx","a":1}`, `{"body": "spaced", "x": [ ]}`,
}

var counterTexts = []string{
	`{"signed_curve25519":50}`, `{"signed_curve25519":49}`, `{"curve25519":3,"signed_curve25519":20}`, `{}`, `[]`,
	`["signed_curve25519"]`, `["a","b"]`, `{"a":-1}`, `{"a":1.0}`, `{"a":"b"}`, `[1]`, `{"a": 1}`, `{"ü":1}`,
	`{"age":7}`, `{"@alice:example.org":1}`, `["$` + hash + `"]`, `{"a":999999999999999}`, `{"a":1000000000000000}`, `null`,
}

// eventful draws JSON in which special keys meet values of all kinds.
func eventful(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		value := rapid.OneOf(
			rapid.Map(tokens(), func(s string) string { return `"` + s + `"` }),
			rapid.SampledFrom(echoBodies), rapid.SampledFrom(counterTexts),
			rapid.StringMatching(`17000000000[0-9]{2}`), rapid.StringMatching(`-?(0|[1-9][0-9]{0,2})`),
			rapid.SampledFrom([]string{"null", "true", "1.5", `"\n"`, `"@alice:example.org"`, `"m1700000000000.1"`, `"m1700000000001.2"`, `"FluffyChat android-3-1700000000007"`, `"QIIVX2ax"`, "-0", "1e3",
				`"!PlPiL6wQs5xqqYGa:example.org"`, `"!r:example.org"`, `"$` + hash + `"`, `"hello *world*"`, `"hello <b>world<\/b>"`, `"a\nb"`, `"<i>a<\/i><br>b"`}),
		)
		if depth == 0 {
			return value.Draw(t, "value")
		}
		space := rapid.SampledFrom([]string{"", "", "", "", " "}).Draw(t, "space")
		var parts []string
		for range rapid.IntRange(0, 4).Draw(t, "parts") {
			parts = append(parts, rapid.OneOf(value, value, eventful(depth-1)).Draw(t, "part"))
		}
		if rapid.IntRange(0, 2).Draw(t, "array") == 0 {
			return "[" + strings.Join(parts, ","+space) + "]"
		}
		for i := range parts {
			parts[i] = keyText().Draw(t, "name") + ":" + space + parts[i]
		}
		return "{" + strings.Join(parts, ","+space) + "}"
	})
}

// someRequest draws requests that leave something behind, among others.
func someRequest() *rapid.Generator[Request] {
	return rapid.Custom(func(t *rapid.T) Request {
		switch rapid.IntRange(0, 6).Draw(t, "request") {
		case 0, 1, 2:
			query := rapid.SampledFrom([]string{
				"filter=13&timeout=30000&since=TOKEN", "since=TOKEN&timeout=30000", "timeout=0&since=TOKEN&since=s1", "since=s1&xsince=TOKEN",
				"filter=%7B%22a%22%3A1%7D&since=TOKEN", "timeout=0", "since=", "since=%731_2&a", "&since=TOKEN", "a%zz&since=TOKEN",
			}).Draw(t, "query")
			query = strings.Replace(query, "TOKEN", tokens().Draw(t, "since"), 1)
			version := rapid.SampledFrom([]string{"v3", "r0", "v9"}).Draw(t, "version")
			return get("/_matrix/client/" + version + "/sync?" + query)
		case 3, 4:
			id := rapid.SampledFrom([]string{"m1700000000000.1", "m1700000000001.2", "FluffyChat%20android-3-1700000000007", "mautrix-python_R5@T1700000000009", "a-b-07-1700000000007", "$local.24cd3df5-56c8-41ac-bf49-a44928e71192", "24cd3df5-56c8-41ac-bf49-a44928e71192", "24cd3df556c841acbf49a44928e71192", "mautrix-go_1700000000000123456_7", "t0a23e5b7c8d9f1", "17", "x-1", "short", "a", "m1700000000000.1%2F"}).Draw(t, "transaction")
			action := rapid.SampledFrom([]string{"rooms/!PlPiL6wQs5xqqYGa:example.org/send/m.room.message", "rooms/!r:example.org/redact/$" + hash, "sendToDevice/m.dummy"}).Draw(t, "action")
			return put("/_matrix/client/v3/"+action+"/"+id, rapid.OneOf(rapid.SampledFrom(echoBodies), eventful(2)).Draw(t, "body"))
		case 5:
			path := rapid.SampledFrom([]string{"v3/login", "v3/keys/upload", "unstable/org.matrix.simplified_msc3575/sync?pos=" + tokens().Draw(t, "pos"), "r0/account/password"}).Draw(t, "path")
			r := put("/_matrix/client/"+path, eventful(2).Draw(t, "body"))
			r.Method = "POST"
			return r
		default:
			return get("/_matrix/client/v3/rooms/!PlPiL6wQs5xqqYGa:example.org/messages?from=" + tokens().Draw(t, "from") + "&dir=b")
		}
	})
}

// syncAnswer draws what a /sync answers, with few changes from one to the next.
func syncAnswer() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := []string{`"next_batch":"` + tokens().Draw(t, "token") + `"`, `"rooms":` + eventful(2).Draw(t, "rooms")}
		for _, key := range counterKeys {
			if rapid.IntRange(0, 3).Draw(t, "absent") > 0 {
				parts = append(parts, `"`+key+`":`+rapid.SampledFrom(counterTexts[:6]).Draw(t, "counter"))
			}
		}
		return "{" + strings.Join(rapid.Permutation(parts).Draw(t, "order"), ",") + "}"
	})
}

// goingOn draws a sync of a client that goes on from where it was.
func goingOn(place string) *rapid.Generator[Request] {
	return rapid.Custom(func(t *rapid.T) Request {
		escape := rapid.SampledFrom([]func(string) string{escapeSome, escapeAll}).Draw(t, "escape")
		if rapid.Bool().Draw(t, "sliding") {
			body := rapid.SampledFrom([]string{`{"conn_id":"a"}`, `{}`, `{ "conn_id": "\u0061" }`}).Draw(t, "body")
			return sliding("timeout=0&pos="+escape(place), body)
		}
		query := rapid.SampledFrom([]string{"filter=1&since=PLACE", "since=PLACE&timeout=0"}).Draw(t, "query")
		return get("/_matrix/client/v3/sync?" + strings.Replace(query, "PLACE", escape(place), 1))
	})
}

// TestSessions: whatever goes over a link comes out as it went in, and both ends remember
// the same.
func TestSessions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLink()
		l.client.refresh, l.server.refresh = rapid.Bool().Draw(rt, "refresh"), rapid.Bool().Draw(rt, "refresh too")
		for range rapid.IntRange(1, 8).Draw(rt, "exchanges") {
			r, answer := someRequest(), eventful(3)
			if rapid.Bool().Draw(rt, "sync") {
				answer = syncAnswer()
				if t := l.client.tables[read]; len(t) > 0 {
					r = goingOn(t[len(t)-1].id)
				}
			}
			if r := r.Draw(rt, "request"); legalRequest(&r) {
				l.exchange(rt, r, answer.Draw(rt, "answer"))
			}
		}
	})
}

// escapeAll percent-encodes as encodeURIComponent does.
func escapeAll(s string) string {
	return strings.NewReplacer("/", "%2F", ":", "%3A", "@", "%40").Replace(escapeSome(s))
}
