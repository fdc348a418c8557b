package txn

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

// TestUser: a token is the same user wherever it stands.
func TestUser(t *testing.T) {
	user := func(target string, authorization ...string) Digest {
		r, err := http.NewRequestWithContext(t.Context(), "GET", target, nil)
		require.NoError(t, err)
		r.Header["Authorization"] = authorization
		return User(r)
	}
	bearer := user("https://hs/a", "Bearer t")
	assert.Equal(t, bearer, user("https://hs/b?access_token=t"))
	assert.Equal(t, bearer, user("https://hs/b", "bearer t"))
	assert.NotEqual(t, bearer, user("https://hs/a"))
	assert.NotEqual(t, bearer, user("https://hs/a?access_token=u"))
	assert.NotEqual(t, bearer, user("https://hs/a?access_token=u", "Bearer t"))
	assert.NotEqual(t, user("https://hs/a"), user("https://hs/a", "Bearer"))
	assert.Equal(t, bearer, user("https://hs/b?x=1&access%5Ftoken=%74"))
	for _, odd := range []string{"access_token=t;x", "x=1;access_token=t", "access_token=%zz", "a%zz&%61ccess_token=%zz"} {
		assert.NotEqual(t, user("https://hs/a"), user("https://hs/a?"+odd), odd)
	}
}

// TestQueryTokens: no way to write a token hides it, and where readers differ that is said.
func TestQueryTokens(t *testing.T) {
	for _, tt := range []struct {
		query  string
		tokens []string
		plain  bool
	}{
		{"", nil, true},
		{"since=s1&timeout=0", nil, true},
		{"filter=%7B%22types%22%3A%5B%5D%7D", nil, true},
		{"user=a;b&from=token", nil, true},
		{"access_token=a", []string{"a"}, true},
		{"%61ccess%5Ftoken=a%2Fb", []string{"a/b"}, true},
		{"access_token=a&access%5ftoken=b", []string{"a", "b"}, true},
		{"access_token", []string{""}, true},
		{"x=access_token", nil, true},
		{"access_token=a;b", []string{"access_token=a;b"}, false},
		{"x=1;access%5Ftoken=a", []string{"x=1;access%5Ftoken=a"}, false},
		{"access_token=%zz", []string{"access_token=%zz"}, false},
		{"%zz%61ccess_token=a", []string{"%zz%61ccess_token=a"}, false},
	} {
		tokens, plain := QueryTokens(tt.query)
		assert.Equal(t, tt.tokens, tokens, tt.query)
		assert.Equal(t, tt.plain, plain, tt.query)
	}
}

func TestTakeBody(t *testing.T) {
	take := func(body io.Reader, size int64) ([]byte, io.ReadCloser, error) {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", "https://hs/", body)
		require.NoError(t, err)
		r.ContentLength = size
		return TakeBody(r)
	}
	full := strings.Repeat("x", MaxBody)
	for _, size := range []int64{-1, MaxBody} {
		got, rest, err := take(strings.NewReader(full), size)
		require.NoError(t, err)
		assert.Nil(t, rest)
		assert.Equal(t, MaxBody, len(got))
	}
	for _, size := range []int64{-1, MaxBody + 1} {
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
