package paths

import (
	"bufio"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clients holds the path escaping of the recorded clients by file name.
var clients = map[string]Style{
	"cinny-4.2.2-chromium.txt": 1,
	"hydrogen-sdk-0.3.1.txt":   1,
	"matrix-bot-sdk-0.7.txt":   1,
	"matrix-js-sdk-43.txt":     1,
	"matrix-nio-0.20.1.txt":    7,
	"mautrix-go.txt":           2,
}

// values are what stands in a recorded path's place for a value that varies.
var values = map[string]string{
	"userId":        "@jörg+1:example.org",
	"roomId":        "!a(b):example.org",
	"eventId":       "$x/y+z=",
	"txn":           "m1.5",
	"alias":         "#a b:example.org",
	"roomIdOrAlias": "#100%?:example.org",
	"server":        "example.org:8448",
	"mediaId":       "AbC",
}

var placeholder = regexp.MustCompile(`\{(?:type=)?([^}]+)\}`)

// TestClients sends the shapes of recorded clients, each in its own escaping.
func TestClients(t *testing.T) {
	for file, style := range clients {
		t.Run(file, func(t *testing.T) {
			requests := 0
			for line := range lines(t, filepath.Join("testdata/clients", file)) {
				f := strings.Fields(line)
				if len(f) < 4 || !strings.HasPrefix(f[2], "/") {
					continue
				}
				requests++
				path := placeholder.ReplaceAllStringFunc(f[2], func(s string) string {
					name := placeholder.FindStringSubmatch(s)[1]
					value, ok := values[name]
					if !ok {
						value = name // an event type or the like
					}
					var b strings.Builder
					pathStyles[style].write(&b, value)
					return b.String()
				})
				if strings.HasSuffix(path, "/$eventType") {
					// matrix-js-sdk sends this variable's name unescaped beside an
					// escaped event ID: two styles in one path.
					_, _, ok := V1().Shorten(path, true)
					assert.False(t, ok, path)
					continue
				}
				roundTripPath(t, path)
			}
			assert.Greater(t, requests, 10)
		})
	}
}

// TestCorpus sends every path and query of the recorded sessions and counts how
// many of today's v3 paths the table shortens.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("../../testdata/corpus/sessions/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var requests, short int
	for _, file := range files {
		for line := range lines(t, file) {
			var r struct{ Path, Query string }
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			requests++
			if segments := roundTripPath(t, r.Path); len(segments[0]) == 1 {
				short++
			}
			args, style, ok := SplitQuery(r.Query)
			require.True(t, ok, r.Query)
			require.Equal(t, r.Query, JoinQuery(args, style))
			want, err := url.ParseQuery(r.Query)
			require.NoError(t, err)
			got := make(url.Values)
			for _, arg := range args {
				key, value, _ := strings.Cut(arg, "=")
				got.Add(key, value)
			}
			require.Equal(t, want, got)
		}
	}
	t.Logf("%d of %d paths in the table", short, requests)
	assert.Greater(t, short*10, requests*9, "fewer than 90 %% of the paths are in the table")
}

// roundTripPath checks one path against net/url and returns its segments.
func roundTripPath(t *testing.T, path string) []string {
	t.Helper()
	full, form, ok := new(Table).Shorten(path, false)
	require.True(t, ok, path)
	for i, s := range strings.Split(path[1:], "/") {
		want, err := url.PathUnescape(s)
		require.NoError(t, err)
		require.Equal(t, want, full[i])
	}
	back, err := new(Table).Expand(full, form)
	require.NoError(t, err)
	require.Equal(t, path, back)

	segments, form, ok := V1().Shorten(path, true)
	require.True(t, ok, path)
	back, err = V1().Expand(segments, form)
	require.NoError(t, err)
	require.Equal(t, path, back)
	return segments
}

// lines yields the lines of a file.
func lines(t *testing.T, file string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		f, err := os.Open(file)
		require.NoError(t, err)
		defer f.Close()
		s := bufio.NewScanner(f)
		s.Buffer(nil, 1<<22)
		for s.Scan() {
			if !yield(s.Text()) {
				return
			}
		}
		require.NoError(t, s.Err())
	}
}
