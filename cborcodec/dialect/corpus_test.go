package dialect

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// recordedHome is the home server of the recorded sessions.
const recordedHome = "chat.nordlicht-verein.org"

// exchange is one recorded request and its response.
type exchange struct {
	Session, Kind, Method, Path, Query string
	Req, Resp                          json.RawMessage
}

func (e exchange) request() Request {
	r := Request{Method: e.Method, Target: e.Path, Body: e.Req}
	if e.Query != "" {
		r.Target += "?" + e.Query
	}
	return r
}

// corpus returns the recorded exchanges in order.
func corpus(t testing.TB) []exchange {
	t.Helper()
	files, err := filepath.Glob("../../testdata/corpus/sessions/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var all []exchange
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			var e exchange
			require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
			all = append(all, e)
		}
		require.NoError(t, lines.Err())
		require.NoError(t, f.Close())
	}
	return all
}
