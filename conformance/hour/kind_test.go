package hour

import "time"

// A call is a request as the recordings write it: names in braces stand for
// parameters, see client.value; one that is none of those stands for itself.
type call struct {
	request string
	query   string
	body    string
	// anonymous requests have no token.
	anonymous bool
}

// A kind is how one recorded client behaves. What it asks for is in its file; how long it
// waits is in its source.
type kind struct {
	name string
	// file is the recording.
	file string
	// queryToken: the access token is an argument of the query.
	queryToken bool
	// browser: each request with a token or a body has a preflight.
	browser bool

	// login is what it does until it has a token, start what it then does before its
	// first sync, and ready after it.
	login, start, ready []call

	// sync is without query; first and next are the queries, without and with a token of
	// the stream.
	sync, first, next string
	// pollTimeout is that of its long-polls. It waits pollPatience for their answers,
	// firstPatience for the first sync, and patience for others.
	pollTimeout, pollPatience, firstPatience, patience time.Duration
	// pause is how long it waits when a sync has failed. Before it syncs again it asks for
	// keepAlive, with that patience, until it is answered.
	pause     time.Duration
	keepAlive []call

	// share precedes the first message, typing each one and typed follows it.
	share         []call
	typing, typed []call
	message       call
	// receipt follows what it hears.
	receipt []call
}

// keepAlivePatience is that of matrix-js-sdk.
const keepAlivePatience = 15 * time.Second

// kinds are all recorded clients.
func kinds() []kind {
	const v3, r0 = "/_matrix/client/v3", "/_matrix/client/r0"
	const passwordLogin = `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"{user}"},"password":"{password}","initial_device_display_name":"{device}"}`
	versions := call{request: "GET /_matrix/client/versions", anonymous: true}
	wellKnown := call{request: "GET /.well-known/matrix/client", anonymous: true}
	typing := func(api, body string) []call {
		return []call{{request: "PUT " + api + "/rooms/{roomId}/typing/{userId}", body: body}}
	}
	text := func(api string) call {
		return call{request: "PUT " + api + "/rooms/{roomId}/send/{type=m.room.message}/{txn}", body: `{"msgtype":"m.text","body":{text}}`}
	}
	secret := call{request: "PUT " + v3 + "/rooms/{roomId}/send/{type=m.room.encrypted}/{txn}", body: `{encrypted}`}
	receipt := []call{{request: "POST " + v3 + "/rooms/{roomId}/receipt/{m.read}/{eventId}", body: `{}`}}
	query := call{request: "POST " + v3 + "/keys/query", body: `{"device_keys":{"{peerId}":[]},"timeout":10000}`}
	share := []call{
		query,
		{request: "POST " + v3 + "/keys/claim", body: `{"one_time_keys":{"{peerId}":{"{peerDevice}":"signed_curve25519"}},"timeout":10000}`},
		{request: "PUT " + v3 + "/sendToDevice/{type=m.room.encrypted}/{txn}", body: `{roomKey}`},
	}
	const lazy = `{"room":{"state":{"lazy_load_members":true}}}`
	const inline = `{"room":{"state":{"lazy_load_members":true},"timeline":{"limit":20}}}`
	setFilter := func(api, filter string) call {
		return call{request: "POST " + api + "/user/{userId}/filter", body: filter}
	}

	cinny := kind{
		name: "cinny", file: "cinny-4.2.2-chromium.txt", browser: true,
		login: []call{
			wellKnown, versions, {request: "POST " + v3 + "/register", body: "{}", anonymous: true},
			{request: "GET " + v3 + "/login", anonymous: true}, {request: "POST " + v3 + "/login", body: passwordLogin, anonymous: true},
		},
		start: []call{
			{request: "GET " + v3 + "/voip/turnServer"}, {request: "GET " + v3 + "/capabilities"}, {request: "GET " + v3 + "/pushrules/"},
			setFilter(v3, lazy), {request: "POST " + v3 + "/keys/upload", body: "{}"},
			{request: "POST " + v3 + "/keys/upload", body: `{deviceKeys}`},
		},
		ready: []call{
			{request: "GET /_matrix/media/v3/config"}, {request: "GET " + v3 + "/profile/{userId}"},
			{request: "GET " + v3 + "/devices"}, {request: "GET " + v3 + "/room_keys/version"},
			{request: "POST " + v3 + "/keys/query", body: `{"device_keys":{"{userId}":[]}}`},
			{request: "GET " + v3 + "/rooms/{roomId}/members", query: "at={since}&not_membership=leave"},
		},
		sync:  "GET " + v3 + "/sync",
		first: "_cacheBuster={now}&filter=" + inline + "&timeout=0", next: "_cacheBuster={now}&filter={filter}&since={since}&timeout={timeout}",
		pollTimeout: 30 * time.Second, pollPatience: 110 * time.Second, firstPatience: 80 * time.Second, patience: 5 * time.Minute,
		pause: 5 * time.Second, keepAlive: []call{versions},
		typing: typing(v3, `{"typing":true,"timeout":4000}`), typed: typing(v3, `{"typing":false}`), message: text(v3),
	}
	for range 10 { // as it finds that there are too few
		cinny.ready = append(cinny.ready, call{request: "POST " + v3 + "/keys/upload", body: `{fiveKeys}`})
	}

	return []kind{
		cinny,
		{
			name: "hydrogen", file: "hydrogen-sdk-0.3.1.txt", browser: true,
			login: []call{
				wellKnown, versions, {request: "GET " + r0 + "/login", anonymous: true},
				{request: "POST " + r0 + "/login", body: passwordLogin, anonymous: true},
			},
			start: []call{setFilter(r0, lazy)},
			sync:  "GET " + r0 + "/sync",
			first: "timeout=0&filter={filter}&_cacheBuster={now}", next: "since={since}&timeout={timeout}&filter={filter}&_cacheBuster={now}",
			pollTimeout: 30 * time.Second, pollPatience: 110 * time.Second, firstPatience: 80 * time.Second, patience: 5 * time.Minute, pause: 2 * time.Second,
			message: text(r0),
		},
		{
			name: "bot-sdk", file: "matrix-bot-sdk-0.7.txt",
			login: []call{{request: "POST " + v3 + "/login", body: passwordLogin, anonymous: true}},
			start: []call{
				{request: "GET " + v3 + "/account/whoami"}, {request: "GET " + v3 + "/user/{userId}/account_data/{type=m.direct}"},
				{request: "GET " + v3 + "/joined_rooms"},
			},
			sync:  "GET " + v3 + "/sync",
			first: "full_state=false&timeout={timeout}", next: "full_state=false&timeout={timeout}&since={since}",
			pollTimeout: 30 * time.Second, pollPatience: 40 * time.Second, firstPatience: 10 * time.Minute, patience: time.Minute, pause: 5 * time.Second,
			typing: typing(v3, `{"typing":true,"timeout":5000}`), message: text(v3), receipt: receipt,
		},
		{
			name: "js-sdk", file: "matrix-js-sdk-43.txt",
			login: []call{versions, {request: "POST " + v3 + "/login", body: passwordLogin, anonymous: true}},
			start: []call{
				{request: "GET /_matrix/client/versions"}, {request: "GET " + v3 + "/capabilities"}, {request: "GET " + v3 + "/pushrules/"},
				setFilter(v3, lazy), {request: "GET " + v3 + "/room_keys/version"},
				{request: "GET /_matrix/client/unstable/org.matrix.msc4143/rtc/transports"},
			},
			ready: []call{
				{request: "POST " + v3 + "/keys/upload", body: `{allKeys}`},
				{request: "POST " + v3 + "/keys/query", body: `{"device_keys":{"{userId}":[]},"timeout":10000}`},
			},
			sync:  "GET " + v3 + "/sync",
			first: "_cacheBuster={now}&filter=" + inline + "&org.matrix.msc4222.use_state_after=true&timeout=0",
			next:  "_cacheBuster={now}&filter={filter}&org.matrix.msc4222.use_state_after=true&since={since}&timeout={timeout}",

			pollTimeout: 30 * time.Second, pollPatience: 110 * time.Second, firstPatience: 80 * time.Second, patience: 5 * time.Minute,
			pause: 5 * time.Second, keepAlive: []call{versions},
			share:  append([]call{{request: "GET " + v3 + "/rooms/{roomId}/members", query: "at={since}&not_membership=leave"}}, share...),
			typing: typing(v3, `{"typing":true,"timeout":4000}`), message: secret, receipt: receipt,
		},
		{
			name: "nio", file: "matrix-nio-0.20.1.txt", queryToken: true,
			login: []call{{request: "POST " + r0 + "/login", body: passwordLogin, anonymous: true}},
			start: []call{{request: "GET " + r0 + "/joined_rooms"}},
			sync:  "GET " + r0 + "/sync",
			first: "full_state=true", next: "since={since}&timeout={timeout}",
			pollTimeout: 30 * time.Second, pollPatience: 45 * time.Second, firstPatience: 5 * time.Minute, patience: time.Minute, pause: time.Second,
			typing: typing(r0, `{"typing":true,"timeout":30000}`), message: text(r0),
			receipt: []call{{request: "POST " + r0 + "/rooms/{roomId}/read_markers", body: `{"m.fully_read":"{eventId}","m.read":"{eventId}"}`}},
		},
		{
			name: "mautrix", file: "mautrix-go.txt",
			login: []call{versions, {request: "POST " + v3 + "/login", body: passwordLogin, anonymous: true}},
			start: []call{
				{request: "POST " + v3 + "/keys/query", body: `{"device_keys":{"{userId}":[]},"timeout":10000}`},
				{request: "POST " + v3 + "/keys/upload", body: `{allKeys}`},
				setFilter(v3, `{"room":{"timeline":{"limit":50}}}`),
			},
			sync:  "GET " + v3 + "/sync",
			first: "filter={filter}&timeout=0", next: "filter={filter}&since={since}&timeout={timeout}",
			pollTimeout: 30 * time.Second, pollPatience: 3 * time.Minute, firstPatience: 3 * time.Minute, patience: 3 * time.Minute, pause: 10 * time.Second,
			share: share, typing: typing(v3, `{"typing":true,"timeout":5000}`), message: secret, receipt: receipt,
		},
	}
}
