package budgets

import (
	"strings"
	"time"
)

// operation is one HTTP exchange of the lengths that the reference was measured
// with: a homeserver called localhost, Dendrite's ids and answers.
type operation struct {
	name           string
	method, target string
	token          string
	body           string
	status         int
	answer         string
	// hold is how long the homeserver takes, as it does with a long-poll.
	hold time.Duration
}

const (
	room    = "!WtrOqqxTw8MhF3vj:localhost"
	event   = "$-pZJeEHXIw6vA4j8CwtobvAYjpI6umQWMJzjPagrAig"
	token   = "Ytw5zzLbU40DFY-AtcB4dbxcZpll3ZA2lmQFZrBQxVI"
	txn     = "m1795328232857.1"
	key43   = "bzzgCRmS8Z7hVGGu5sGniY4V57m/I1Xf0Ukp6qqv2Lk"
	session = "GWyls8V9iH1Hb8M4ElOQ9+b0Ww6t4mpitFl3NUPSNls"
)

// oneMessage is an answer to /sync.
const oneMessage = `{"next_batch":"s80_2_8_6_21_9_12_53_8","rooms":{"join":{"` + room + `":{"timeline":{"events":[{"content":{"body":"hello world","msgtype":"m.text"},"event_id":"` +
	event + `","origin_server_ts":1795328233382,"sender":"@bob:localhost","type":"m.room.message","unsigned":{"age":57}}],"limited":false,"prev_batch":"t8_1080"},"unread_notifications":{"highlight_count":0,"notification_count":1}}}},"device_one_time_keys_count":{"signed_curve25519":50},"device_unused_fallback_key_types":[]}`

var versions = operation{
	name: "versions", method: "GET", target: "/_matrix/client/versions", status: 200,
	answer: `{"versions":["r0.0.1","r0.1.0","r0.2.0","r0.3.0","r0.4.0","r0.5.0","r0.6.1","v1.0","v1.1","v1.2"],"unstable_features":{"org.matrix.e2e_cross_signing":true,"org.matrix.msc2285.stable":true,"org.matrix.msc3916.stable":true}}`,
}

// operations are measured on a warm session, in /r0/ and /v3/.
var operations = []operation{
	{
		name: "login", method: "POST", target: "/_matrix/client/r0/login", status: 200,
		body:   `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"alice"},"password":"this is fine","initial_device_display_name":"Element"}`,
		answer: `{"user_id":"@alice:localhost","access_token":"` + token + `","device_id":"4zW5G9a_"}`,
	},
	{
		name: "send hello world", method: "PUT", token: token, status: 200,
		target: "/_matrix/client/r0/rooms/" + room + "/send/m.room.message/" + txn,
		body:   `{"msgtype":"m.text","body":"hello world"}`,
		answer: `{"event_id":"` + event + `"}`,
	},
	{
		name: "send encrypted 300 B", method: "PUT", token: token, status: 200,
		target: "/_matrix/client/r0/rooms/" + room + "/send/m.room.encrypted/" + txn,
		body: `{"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"` + strings.Repeat("AwgAEpABbXk2", 25) +
			`","device_id":"4zW5G9a_","sender_key":"` + key43 + `","session_id":"` + session + `"}`,
		answer: `{"event_id":"` + event + `"}`,
	},
	{
		name: "sync, one message", method: "GET", token: token, status: 200,
		target: "/_matrix/client/r0/sync?filter=1&since=s79_2_8_6_21_9_12_50_8&timeout=30000",
		answer: oneMessage,
	},
	{
		// The request is acknowledged on its own, and so is the response.
		name: "sync, one message after 10 s", method: "GET", token: token, status: 200, hold: 10 * time.Second,
		target: "/_matrix/client/r0/sync?filter=1&since=s79_2_8_6_21_9_12_50_8&timeout=30000",
		answer: oneMessage,
	},
	{
		name: "read receipt", method: "POST", token: token, status: 200,
		target: "/_matrix/client/r0/rooms/" + room + "/receipt/m.read/" + event,
		body:   `{}`, answer: `{}`,
	},
	{
		name: "typing", method: "PUT", token: token, status: 200,
		target: "/_matrix/client/r0/rooms/" + room + "/typing/@alice:localhost",
		body:   `{"typing":true,"timeout":30000}`, answer: `{}`,
	},
	{
		name: "404", method: "GET", token: token, status: 404,
		target: "/_matrix/client/r0/directory/room/%23nowhere:localhost",
		answer: `{"errcode":"M_NOT_FOUND","error":"Room alias #nowhere:localhost not found."}`,
	},
}
