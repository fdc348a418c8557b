package cborcodec

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// corpusBodies returns every recorded request and response body, in order.
func corpusBodies(t testing.TB) []string {
	t.Helper()
	bodies, err := loadCorpus()
	require.NoError(t, err)
	require.NotEmpty(t, bodies)
	return bodies
}

var loadCorpus = sync.OnceValues(func() ([]string, error) {
	files, err := filepath.Glob("../testdata/corpus/sessions/*.jsonl")
	if err != nil {
		return nil, err
	}
	var bodies []string
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			var exchange struct{ Req, Resp json.RawMessage }
			if err := json.Unmarshal(lines.Bytes(), &exchange); err != nil {
				return nil, err
			}
			for _, body := range []json.RawMessage{exchange.Req, exchange.Resp} {
				if len(body) > 0 {
					bodies = append(bodies, string(body))
				}
			}
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
	}
	return bodies, nil
})
