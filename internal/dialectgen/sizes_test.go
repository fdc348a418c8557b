package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/internal/measure"
)

var update = flag.Bool("update", false, "rewrite testdata/sizes.tsv")

const corpus = "../../testdata/corpus/sessions"

// recordedHome is the home server of the recorded sessions.
const recordedHome = "chat.nordlicht-verein.org"

// size is what messages of one class take, in bytes.
type size struct{ count, json, v1, dialect int }

// TestSizes measures the dialect without identifiers or coder on the sessions that
// were left out when its tables were made.
func TestSizes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus, "*.jsonl"))
	require.NoError(t, err)
	c := dialect.New(recordedHome, cborcodec.Limits{})
	sizes := map[string]*size{}
	for _, file := range files {
		if !isHeldOut(file) {
			continue
		}
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, measure.EachLine(bytes.NewReader(b), func(e measure.Entry) error {
			up, down := version1(t, e)
			r := dialect.Request{Method: e.Method, Target: e.Target, Body: e.Request}
			request, err := c.AppendRequest(nil, &r, nil)
			require.NoError(t, err)
			response, err := c.AppendBody(nil, e.Response, nil)
			require.NoError(t, err)
			messages := []size{
				{1, len(e.Target) + len(e.Request), up, len(request)},
				{1, len(e.Response), down, len(response)},
			}
			for i, name := range classes(e) {
				for _, class := range []string{name, "all"} {
					if sizes[class] == nil {
						sizes[class] = &size{}
					}
					sizes[class].add(messages[i])
				}
			}
			return nil
		}))
	}
	var table strings.Builder
	table.WriteString("message\tcount\tJSON\tversion 1\tdialect\tof version 1\n")
	for _, class := range slices.Sorted(maps.Keys(sizes)) {
		s := sizes[class]
		n := float64(s.count)
		fmt.Fprintf(&table, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f %%\n", class, s.count,
			float64(s.json)/n, float64(s.v1)/n, float64(s.dialect)/n, 100*float64(s.dialect)/float64(max(s.v1, 1)))
	}
	const golden = "testdata/sizes.tsv"
	document, err := os.ReadFile(documentFile)
	require.NoError(t, err)
	documented := []byte(inDocument(t, string(document), sizes))
	if *update {
		document = documented
		require.NoError(t, os.WriteFile(documentFile, documented, 0o644))
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(table.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), table.String(), "run with -update if this is meant")
	require.True(t, bytes.Equal(documented, document), "%s: run with -update if this is meant", documentFile)
}

const documentFile = "../../docs/wire-v2-dialect.md"

// documentedClasses are the rows of the table in the document.
var documentedClasses = []string{
	"send_text ↑", "send_text ↓", "send_encrypted ↑", "send_reaction ↑", "receipt ↑", "typing ↑",
	"sync, one message ↑", "sync, one message ↓", "sync ↓", "sync without rooms ↓", "sync, initial ↓", "pushrules ↓", "keys_upload ↑", "keys_query ↓", "all",
}

// inDocument returns the document with its table made from sizes.
func inDocument(t *testing.T, document string, sizes map[string]*size) string {
	const begin, end = "<!-- sizes -->\n", "<!-- end of sizes -->"
	before, rest, ok := strings.Cut(document, begin)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	var table strings.Builder
	table.WriteString("| message | count | JSON | version 1 | dialect | of version 1 |\n|---|---|---|---|---|---|\n")
	for _, class := range documentedClasses {
		s := sizes[class]
		require.NotNil(t, s, class)
		n := float64(s.count)
		fmt.Fprintf(&table, "| %s | %d | %.1f | %.1f | %.1f | %.1f %% |\n", class, s.count,
			float64(s.json)/n, float64(s.v1)/n, float64(s.dialect)/n, 100*float64(s.dialect)/float64(s.v1))
	}
	return before + begin + table.String() + end + after
}

func (s *size) add(o size) {
	s.count += o.count
	s.json += o.json
	s.v1 += o.v1
	s.dialect += o.dialect
}

// classes names the request and the response of an exchange; syncs by how many
// messages they bring.
func classes(e measure.Entry) [2]string {
	kind := e.Kind
	if kind == "sync" {
		switch messages := bytes.Count(e.Response, []byte(`"type":"m.room.message"`)); {
		case !bytes.Contains(e.Response, []byte(`"rooms"`)):
			kind = "sync without rooms"
		case messages == 1 && bytes.Count(e.Response, []byte(`"event_id"`)) <= 2:
			kind = "sync, one message"
		case len(e.Response) > 10_000:
			kind = "sync, initial"
		}
	}
	return [2]string{kind + " ↑", kind + " ↓"}
}

// version1 returns what request and response take in wire version 1.
func version1(t *testing.T, e measure.Entry) (up, down int) {
	whole, request := measure.NewMeter(), measure.NewMeter()
	require.NoError(t, whole.Add(e))
	e.Response = nil
	require.NoError(t, request.Add(e))
	up = request.Report().Total.V1
	return up, whole.Report().Total.V1 - up
}
