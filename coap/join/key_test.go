package join

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/txn"
)

// keyFor names a request with the given lines of header, "Name: value".
func keyFor(t *testing.T, method, target, body string, header ...string) digest {
	t.Helper()
	r := request(t, t.Context(), method, target, "", "")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return keyOf(txn.User(r), r, []byte(body))
}

// TestKeysDiffer: no two of these requests may share an answer.
func TestKeysDiffer(t *testing.T) {
	seen := map[digest]string{}
	for _, in := range [][]string{
		{"GET", "https://hs/a", ""},
		{"PUT", "https://hs/a", ""},
		{"PUT", "https://hs/a", "{}"},
		{"PUT", "https://hs/a", "{} "},
		{"GET", "https://hs/a/", ""},
		{"GET", "https://hs/a?", ""},
		{"GET", "https://hs/%61b", ""},
		{"GET", "https://hs/ab", ""},
		{"GET", "https://hs/a%2Fb", ""},
		{"GET", "https://hs/a%2fb", ""},
		{"GET", "https://hs/a/b", ""},
		{"GET", "https://hs/a?since=1&timeout=0", ""},
		{"GET", "https://hs/a?timeout=0&since=1", ""},
		{"GET", "https://hs/a?since=1&timeout=0&_cacheBuster=1", ""},
		{"GET", "https://hs/a?access_token=t", ""},
		{"GET", "https://hs/a?access_token=u", ""},
		{"GET", "https://hs/a?access_token=t", "", "Authorization: Bearer t"},
		{"GET", "https://hs/a?access_token=t", "", "Authorization: Bearer u"},
		{"GET", "https://hs/a?access_token=t&access_token=u", ""},
		{"GET", "https://hs/a", "", "Authorization: Bearer t"},
		{"GET", "https://hs/a", "", "Authorization: Bearer u"},
		{"GET", "https://hs/a", "", "Authorization: Bearer T"},
		{"GET", "https://hs/a", "", "Authorization: Basic t"},
		{"GET", "https://hs/a", "", "Authorization: Bearer t", "Authorization: Bearer u"},
		{"GET", "https://hs/a", "", "Cookie: t"},
		{"GET", "https://hs/a", "", "Accept: t"},
		{"GET", "https://hs/a", "", "Accept: t", "Accept: u"},
		{"GET", "https://hs/a", "", "Accept: t, u"},
		{"GET", "https://hs/a", "", "Accept-Language: t"},
		{"GET", "https://hs/a", "", "Accept-Encoding: t"},
		{"GET", "https://hs/a", "", "Range: t"},
		{"GET", "https://hs/a", "", "If-None-Match: t"},
		{"GET", "https://hs/a", "", "If-Match: t"},
		{"GET", "https://hs/a", "", "If-Range: t"},
		{"GET", "https://hs/a", "", "If-Modified-Since: t"},
		{"GET", "https://hs/a", "", "If-Unmodified-Since: t"},
		{"GET", "https://hs/a", "", "Content-Type: t"},
		{"GET", "https://hs/a", "", "Content-Encoding: t"},
		{"GET", "https://hs/a", "", "Content-Disposition: t"},
		{"GET", "https://hs/a", "", "Content-Range: t"},
	} {
		key := keyFor(t, in[0], in[1], in[2], in[3:]...)
		assert.Empty(t, seen[key], "%q", in)
		seen[key] = strings.Join(in, " ")
	}
}

// TestKeysAlike: what changes from try to try and not what is asked does not matter.
func TestKeysAlike(t *testing.T) {
	assert.Equal(t,
		keyFor(t, "GET", "https://hs/a?x=1", "", "Authorization: Bearer t", "User-Agent: a"),
		keyFor(t, "GET", "https://hs/a?x=1", "", "Authorization: Bearer t", "User-Agent: b",
			"Cache-Control: no-cache", "Traceparent: 00-1", "Origin: null"))
}
