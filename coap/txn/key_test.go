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
