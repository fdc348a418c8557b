package join

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keyFor names a request with the given lines of header, "Name: value".
func keyFor(t *testing.T, method, target, body string, header ...string) digest {
	t.Helper()
	r := request(t, t.Context(), method, target, "", "")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return keyOf(userOf(r), r, []byte(body))
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

// TestUserOf: a token is the same user wherever it stands.
func TestUserOf(t *testing.T) {
	user := func(target string, authorization ...string) digest {
		r := request(t, t.Context(), "GET", target, "", "")
		r.Header["Authorization"] = authorization
		return userOf(r)
	}
	bearer := user("https://hs/a", "Bearer t")
	assert.Equal(t, bearer, user("https://hs/b?access_token=t"))
	assert.Equal(t, bearer, user("https://hs/b", "bearer t"))
	assert.NotEqual(t, bearer, user("https://hs/a"))
	assert.NotEqual(t, bearer, user("https://hs/a?access_token=u"))
	assert.NotEqual(t, bearer, user("https://hs/a?access_token=u", "Bearer t"))
	assert.NotEqual(t, user("https://hs/a"), user("https://hs/a", "Bearer"))
}

func TestTakeBody(t *testing.T) {
	take := func(body io.Reader, size int64) ([]byte, io.ReadCloser, error) {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", "https://hs/", body)
		require.NoError(t, err)
		r.ContentLength = size
		return takeBody(r)
	}
	full := strings.Repeat("x", maxRequest)
	for _, size := range []int64{-1, maxRequest} {
		got, rest, err := take(strings.NewReader(full), size)
		require.NoError(t, err)
		assert.Nil(t, rest)
		assert.Equal(t, maxRequest, len(got))
	}
	for _, size := range []int64{-1, maxRequest + 1} {
		got, rest, err := take(strings.NewReader(full+"y"), size)
		require.NoError(t, err)
		assert.Nil(t, got)
		whole, err := io.ReadAll(rest)
		require.NoError(t, err)
		assert.Equal(t, full+"y", string(whole))
	}
	broken := errors.New("broken")
	_, _, err := take(iotest.ErrReader(broken), -1)
	assert.ErrorIs(t, err, broken)
	got, rest, err := take(nil, 0)
	require.NoError(t, err)
	assert.Nil(t, got)
	assert.Nil(t, rest)
}
