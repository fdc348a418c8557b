package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
type size struct{ count, json, v1, dialect, referring int }

// ring is a table of 1024 identifiers, one for both directions, as it would be on a link
// that loses nothing and where everything is acknowledged before the next message.
type ring struct {
	indexes map[string]int64
	next    int64
}

func newRing() *ring { return &ring{indexes: map[string]int64{}} }

func (r *ring) Find(id []byte) (ref int64, ok bool) {
	i, ok := r.indexes[string(id)]
	return r.next - i, ok && r.next-i <= 1024
}

func (r *ring) Insert(id []byte) bool {
	r.indexes[string(id)] = r.next
	r.next++
	return true
}

// TestSizes measures the dialect, before the coder, on the sessions that were left out
// when its tables were made.
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
		known := newRing()
		require.NoError(t, measure.EachLine(bytes.NewReader(b), func(e measure.Entry) error {
			up, down := version1(t, e)
			r := dialect.Request{Method: e.Method, Target: e.Target, Body: e.Request}
			request, err := c.AppendRequest(nil, &r, nil)
			require.NoError(t, err)
			response, err := c.AppendBody(nil, e.Response, nil)
			require.NoError(t, err)
			referringRequest, err := c.AppendRequest(nil, &r, known)
			require.NoError(t, err)
			referringResponse, err := c.AppendBody(nil, e.Response, known)
			require.NoError(t, err)
			messages := []size{
				{1, len(e.Target) + len(e.Request), up, len(request), len(referringRequest)},
				{1, len(e.Response), down, len(response), len(referringResponse)},
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
	table.WriteString(strings.Join(columns, "\t") + "\n")
	for _, class := range slices.Sorted(maps.Keys(sizes)) {
		table.WriteString(strings.Join(sizes[class].row(class), "\t") + "\n")
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
	table.WriteString("| " + strings.Join(columns, " | ") + " |\n" + strings.Repeat("|---", len(columns)) + "|\n")
	for _, class := range documentedClasses {
		s := sizes[class]
		require.NotNil(t, s, class)
		table.WriteString("| " + strings.Join(s.row(class), " | ") + " |\n")
	}
	return before + begin + table.String() + end + after
}

var columns = []string{"message", "count", "JSON", "version 1", "dialect", "of version 1", "with references", "of version 1"}

// row is what stands in the tables for a class: means, and parts of version 1.
func (s *size) row(class string) []string {
	mean := func(total int) string { return fmt.Sprintf("%.1f", float64(total)/float64(s.count)) }
	part := func(total int) string { return fmt.Sprintf("%.1f %%", 100*float64(total)/float64(s.v1)) }
	return []string{
		class, strconv.Itoa(s.count), mean(s.json), mean(s.v1),
		mean(s.dialect), part(s.dialect), mean(s.referring), part(s.referring),
	}
}

func (s *size) add(o size) {
	s.count += o.count
	s.json += o.json
	s.v1 += o.v1
	s.dialect += o.dialect
	s.referring += o.referring
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
