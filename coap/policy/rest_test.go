package policy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// content is a file no two parts of which are alike.
var content = func() string {
	var b strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&b, "%07d.", i)
	}
	return b.String()
}()

// part answers with the content from an offset, which breaks off after n bytes.
func part(from, n int, err error) *http.Response {
	rest := content[from:]
	var body io.Reader = strings.NewReader(rest)
	if n < len(rest) {
		body = io.MultiReader(strings.NewReader(rest[:n]), iotest.ErrReader(err))
	}
	resp := &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"image/png"}}, ContentLength: int64(len(rest)), Body: io.NopCloser(body),
	}
	if from > 0 {
		resp.StatusCode = http.StatusPartialContent
		resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
	}
	return resp
}

// TestRest: however often a file breaks off, what came before is not asked for again, and
// what the client gets is the file.
func TestRest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		asked := 0
		var sent int
		b := &plainBase{answer: func(r *http.Request) *http.Response {
			asked++
			from := 0
			if text := r.Header.Get("Range"); text != "" {
				_, err := fmt.Sscanf(text, "bytes=%d-", &from)
				require.NoError(rt, err)
				require.GreaterOrEqual(rt, from, minPart)
			}
			n := rapid.IntRange(0, len(content)).Draw(rt, "n")
			if asked > 20 {
				n = len(content)
			}
			sent += min(n, len(content)-from)
			err := rapid.SampledFrom([]error{errDown, io.ErrUnexpectedEOF, io.EOF}).Draw(rt, "err")
			return part(from, n, err)
		}}
		tr := &Transport{Base: b}
		defer tr.Close()
		for {
			r, err := http.NewRequest("GET", "http://hs"+download, nil)
			require.NoError(rt, err)
			resp, err := tr.RoundTrip(r)
			require.NoError(rt, err)
			require.Equal(rt, 200, resp.StatusCode)
			require.Equal(rt, int64(len(content)), resp.ContentLength)
			require.Equal(rt, http.Header{"Content-Type": {"image/png"}}, resp.Header)
			got, err := io.ReadAll(resp.Body)
			require.NoError(rt, resp.Body.Close())
			require.True(rt, strings.HasPrefix(content, string(got)))
			if err == nil && len(got) == len(content) {
				break
			}
		}
		require.LessOrEqual(rt, sent, len(content)+asked*minPart, "at most what is not worth keeping came twice")
		before := asked
		r, err := http.NewRequest("GET", "http://hs"+download, nil)
		require.NoError(rt, err)
		resp, err := tr.RoundTrip(r)
		require.NoError(rt, err)
		got, err := io.ReadAll(resp.Body)
		require.NoError(rt, err)
		require.Equal(rt, content, string(got))
		require.Equal(rt, before, asked, "the whole is kept")
	})
}

type plainBase struct {
	answer func(*http.Request) *http.Response
}

func (b *plainBase) RoundTrip(r *http.Request) (*http.Response, error) { return b.answer(r), nil }

// TestRestRefused: what does not fit to the first part is asked for anew.
func TestRestRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func() *http.Response
		asked  int
	}{
		"another length": {func() *http.Response {
			r := part(5000, len(content), nil)
			r.Header.Set("Content-Range", fmt.Sprintf("bytes 5000-%d/%d", len(content), len(content)+1))
			return r
		}, 2},
		"another offset": {func() *http.Response { return part(4999, len(content), nil) }, 2},
		"no range":       {func() *http.Response { r := part(5000, len(content), nil); r.Header.Del("Content-Range"); return r }, 2},
		"not satisfied":  {func() *http.Response { return reply(416, "") }, 2},
		"ignored":        {func() *http.Response { return part(0, len(content), nil) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			b := &plainBase{answer: func(r *http.Request) *http.Response {
				asked = append(asked, r.Header.Get("Range"))
				switch len(asked) {
				case 1:
					return part(0, 5000, errDown)
				case 2:
					return tt.answer()
				}
				return part(0, len(content), nil)
			}}
			tr := &Transport{Base: b}
			defer tr.Close()
			_, got, err := try(t, tr, "GET", download, "", "")
			require.ErrorIs(t, err, errDown)
			assert.Len(t, got, 5000)
			_, got = ask(t, tr, "GET", download, "", "")
			assert.True(t, got == content)
			want := []string{"", "bytes=5000-", ""}
			assert.Equal(t, want[:1+tt.asked], asked)
		})
	}
	// A 404 is an answer: the file is gone.
	n := 0
	tr := &Transport{Base: &plainBase{answer: func(*http.Request) *http.Response {
		if n++; n == 1 {
			return part(0, 5000, errDown)
		}
		return reply(404, `{"errcode":"M_NOT_FOUND"}`)
	}}}
	defer tr.Close()
	_, _, _ = try(t, tr, "GET", download, "", "")
	resp, _ := ask(t, tr, "GET", download, "", "")
	assert.Equal(t, 404, resp.StatusCode)
	// One that is more than it says.
	n = 0
	tr = &Transport{Base: &plainBase{answer: func(*http.Request) *http.Response {
		r := part(0, len(content), nil)
		if n++; n == 1 {
			r.ContentLength = 2000
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, 3000)), iotest.ErrReader(errDown)))
		}
		return r
	}}}
	defer tr.Close()
	_, _, _ = try(t, tr, "GET", download, "", "")
	_, got := ask(t, tr, "GET", download, "", "")
	assert.True(t, got == content)
}
