package dialect

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
)

// sliding is a poll of simplified sliding sync.
func sliding(query, body string) Request {
	return Request{Method: "POST", Target: "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?" + query, Body: []byte(body)}
}

// TestSticky: a sync that asks what the one before asked is a route and a reference.
func TestSticky(t *testing.T) {
	const path = "/_matrix/client/v3/sync?"
	const lists = `{"conn_id":"a","lists":{"all":{"ranges":[[0,19]]}}}`
	type poll struct {
		r      Request
		answer string
		sticks bool
	}
	for _, c := range []struct {
		name  string
		polls []poll
	}{
		{"sync", []poll{
			{get(path + "filter=1"), `{"next_batch":"s1_2"}`, false},
			{get(path + "filter=1&since=s1_2"), `{"next_batch":"s2_2"}`, false}, // since is new
			{get(path + "filter=1&since=s2_2"), `{"next_batch":"s3_2"}`, true},
			{get(path + "filter=1&since=s3_2&timeout=0"), `{"next_batch":"s4_2"}`, false},
			{get(path + "filter=1&since=s4_2&timeout=0"), `{"next_batch":"s5_2"}`, true},
			{get(path + "since=s5_2&filter=1&timeout=0"), `{"next_batch":"s6_2"}`, false},
			{get(path + "since=s6_2&filter=1&timeout=0"), `{}`, true},
			{get(path + "since=s6_2&filter=1&timeout=0"), `{}`, true}, // again, after a loss
			{get(path + "since=unknown&filter=1&timeout=0"), `{}`, false},
		}},
		{"escaped filter", []poll{
			{get(path + "filter=%7B%22a%22%3A1%7D&since=s0_0"), `{"next_batch":"s1_2"}`, false},
			{get(path + "filter=%7B%22a%22%3A1%7D&since=s1_2"), `{"next_batch":"s2_2"}`, true},
		}},
		{"no style escapes so", []poll{
			{get(path + "a=%zz&since=s0_0"), `{"next_batch":"s1_2"}`, false},
			{get(path + "a=%zz&since=s1_2"), `{}`, true},
		}},
		{"two places", []poll{ // of which either may be meant
			{get(path + "since=s0_0&since=x"), `{"next_batch":"s1_2"}`, false},
			{get(path + "since=s1_2&since=x"), `{}`, false},
		}},
		{"sliding sync", []poll{
			{sliding("timeout=0", lists), `{"pos":"1/s1_2"}`, false},
			{sliding("pos=1%2Fs1_2&timeout=0", lists), `{"pos":"2/s2_2"}`, false},
			{sliding("pos=2%2Fs2_2&timeout=0", lists), `{"pos":"3/s2_2"}`, true},
			{sliding("pos=3%2Fs2_2&timeout=0", `{"conn_id":"b"}`), `{"pos":"4/s2_2"}`, false},
			{sliding("pos=4%2Fs2_2&timeout=0", `{"conn_id":"b"}`), `{"pos":"5/s2_2"}`, true},
			{sliding("pos=5%2Fs2_2&timeout=0", ` {"\u0063onn_id" : "b"} `), `{"pos":"6/s2_2"}`, true}, // the same JSON
			{sliding("pos=6%2fs2_2&timeout=0", `{"conn_id":"b"}`), `{"pos":"7/s2_2"}`, false},
			{sliding("pos=7/s2_2&timeout=0", `{"conn_id":"b"}`), `{"pos":"8/s2_2"}`, false},
			{sliding("pos=8/s2_2&timeout=0", `{"conn_id":"b"}`), `{}`, true},
		}},
		{"sliding sync with an empty body", []poll{
			{sliding("pos=0", `{}`), `{"pos":"1000"}`, false},
			{sliding("pos=1000", `{}`), `{}`, true},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLink()
			for i, p := range c.polls {
				l.exchange(t, p.r, p.answer)
				if p.sticks {
					assert.Len(t, l.request, 3, "poll %d: %x", i, l.request) // perhaps with a form in place of a long row
				} else {
					assert.Greater(t, len(l.request), 3, "poll %d", i)
				}
			}
		})
	}
}

// TestStickyOfAnother: what a note says of a request of another kind is refused.
func TestStickyOfAnother(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	route := func(r Request) string {
		payload, err := codec.AppendRequest(nil, &Request{Method: r.Method, Target: r.Target}, nil)
		require.NoError(t, err)
		return hex.EncodeToString(payload[:1])
	}
	syncRoute, slidingRoute := route(get("/_matrix/client/v3/sync")), route(sliding("", ""))
	typingRoute := route(put("/_matrix/client/v3/rooms/r/typing/u", ""))
	for _, c := range []struct {
		name, payload, query string
		err                  error
	}{
		{"no note", syncRoute + "d701", "", ErrReference},
		{"no such reference", syncRoute + "d709", "since=x", ErrReference},
		{"no place", syncRoute + "d700", "timeout=0", ErrReference},
		{"two places", syncRoute + "d700", "since=1&since=2", ErrReference},
		{"of a sliding sync", syncRoute + "d700", "pos=1 \xa0", ErrReference},
		{"of a sync", slidingRoute + "d700", "since=1", ErrReference},
		{"without a body", slidingRoute + "d700", "pos=1", ErrReference},
		{"with a body too", slidingRoute + "d700a0", "pos=1 \xa0", errTrailing},
		{"a broken body", slidingRoute + "d700", "pos=1 \xff", cborcodec.ReasonReserved},
		{"not a sync", typingRoute + "c06161c06161d700", "since=1", errItem},
		{"truncated", syncRoute + "d7", "since=1", errTruncated},
		{"not an integer", syncRoute + "d761", "since=1", errItem},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload, err := hex.DecodeString(c.payload)
			require.NoError(t, err)
			p := &party{}
			p.tables[read] = []entry{{"s1_1", &Note{Query: c.query}}}
			var r Request
			err = codec.DecodeRequest(&r, payload, &Context{Solve: reading{p}})
			require.ErrorIs(t, err, c.err)
		})
	}
}

// TestWithPlace: the place is the argument that is written so, and nothing else of the query changes.
func TestWithPlace(t *testing.T) {
	for _, c := range []struct {
		query, value, want string
	}{
		{"since=1", "2", "since=2"},
		{"a=b%2F&since=1&c=d", "s/2", "a=b%2F&since=s%2F2&c=d"},
		{"s%69nce=1", "s/2", ""},
		{"a=%zz&since=1", "2", "a=%zz&since=2"},
		{"a=%zz&since=1", "s/2", ""},                       // of no style
		{strings.Repeat("a", 256) + "&since=1", "s/2", ""}, // no Uri-Query is as long
		{"since=1&a=b&since=1", "2", ""},
		{"since=1&a=b&since=1", "s/2", ""},
		{"asince=1", "2", ""},
	} {
		got, ok := withPlace(c.query, "since=", c.value)
		require.Equal(t, c.want != "", ok, c.query)
		require.Equal(t, c.want, got, c.query)
	}
}

// TestStickyBodyIsBounded: a body that a reference stands for keeps to the limits.
func TestStickyBodyIsBounded(t *testing.T) {
	item, err := New(testHome, cborcodec.Limits{}).AppendBody(nil, []byte(`{"a":"`+hash+hash+`"}`), nil)
	require.NoError(t, err)
	p := &party{}
	p.tables[read] = []entry{{"1", &Note{Query: "pos=1 " + string(item)}}}
	codec := New(testHome, cborcodec.Limits{MaxOutput: 50})
	payload, err := codec.AppendRequest(nil, &Request{Method: "POST", Target: "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"}, nil)
	require.NoError(t, err)
	var limit *cborcodec.LimitError
	var r Request
	require.ErrorAs(t, codec.DecodeRequest(&r, append(payload[:1], 0xd7, 0), &Context{Solve: reading{p}}), &limit)
}

// TestPrivate: requests with secrets and their answers leave nothing behind, however
// they are written.
func TestPrivate(t *testing.T) {
	const account = `{"user":"@alice:example.org","device_id":"QIIVX2ax"`
	for _, c := range []struct {
		target, body string
		private      bool
	}{
		{"/_matrix/client/v3/login", account + `}`, true},
		{"/_matrix/client/r0/login", account + `}`, true},
		{"/_matrix/client/v3/%6Cogin", account + `}`, true},
		{"/_matrix/client/v1/login/get_token", account + `}`, true},
		{"/_matrix/client/v3/register?kind=user", account + `}`, true},
		{"/_matrix/client/v3/account/password", account + `}`, true},
		{"/_matrix/client/v3/user/@alice:example.org/openid/request_token", account + `}`, true},
		{"/_matrix/client/v3/keys/device_signing/upload", account + `}`, true},
		{"/_matrix/client/v3/devices/X", account + `,"auth":{"session":"abcdef"}}`, true},
		{"/_matrix/client/v3/devices/X", account + `,"auth" : {}}`, true},
		{"/_matrix/client/v3/devices/X", account + `,"\u0061ut\u0068":{}}`, true},
		{"/_matrix/client/v3/devices/X", account + `,"x":"auth","y":"\"auth\":"}`, false},
		{"/_matrix/client/v3/keys/query", account + `}`, false},
		{"/_matrix/client/v3/loginx", account + `}`, false},
	} {
		r := Request{Method: "POST", Target: c.target, Body: []byte(c.body)}
		assert.Equal(t, c.private, isPrivate(&r), "%s %s", c.target, c.body)
		l := newLink()
		l.exchange(t, r, account+`,"access_token":"syt_abcdefghijklmnop"}`)
		kept := len(l.client.tables[written]) + len(l.server.tables[written])
		assert.Equal(t, c.private, kept == 0, "%s %s", c.target, c.body)
	}
}
