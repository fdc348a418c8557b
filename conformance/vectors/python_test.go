package vectors

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// independent returns the output of the runner in Python, which shares nothing with our
// packages: it was made from the documents.
func independent(t *testing.T, files ...string) (string, error) {
	t.Helper()
	python, err := exec.LookPath("python3")
	require.NoError(t, err, "python3 plays the vectors too: install it")
	out, err := exec.Command(python, append([]string{"-B", "python/play.py", "../.."}, files...)...).CombinedOutput()
	return string(out), err
}

// TestPython has a second implementation play the vectors of version 1 and 2 and of the
// coder, and read the examples of the documents.
func TestPython(t *testing.T) {
	out, err := independent(t,
		filepath.Join(directory, "cbor.json"), filepath.Join(directory, "paths.json"),
		filepath.Join(directory, "version2.json"), filepath.Join(directory, "tables.json"),
		"../../cborcodec/coder/testdata/vectors.tsv", "../../docs/wire-v2.md", "../../docs/wire-v2-dialect.md")
	require.NoError(t, err, out)
	assert.Contains(t, out, " vectors, 0 failed")
}

// TestPythonControls has it notice what is wrong in each row.
func TestPythonControls(t *testing.T) {
	dir, rows := t.TempDir(), map[string]int{}
	for _, name := range []string{"cbor.json", "paths.json", "version2.json", "tables.json"} {
		f, err := readFile(filepath.Join(directory, name))
		require.NoError(t, err)
		broken := *f
		broken.rows = nil
		for _, v := range f.rows {
			wrong := brokenFor(v)
			assert.NotEmpty(t, wrong, v.title())
			broken.rows = append(broken.rows, wrong...)
		}
		data, err := broken.encode()
		require.NoError(t, err)
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o644))
		rows[path] = len(broken.rows)
	}
	noticed(t, rows)
}

// TestPythonReads has it notice what is wrong in the vectors of the coder and in the
// examples of the documents.
func TestPythonReads(t *testing.T) {
	long := regexp.MustCompile(`(?s)### Acknowledged by number\n.*(## Whole messages\n)`) // one session, of a second
	dir, parts := t.TempDir(), map[string]int{}
	for _, c := range []struct {
		file string
		part *regexp.Regexp // a part of a row or an example, of which the last byte is made another one
		not  int            // how many of these parts are not played
	}{
		{file: "../../cborcodec/coder/testdata/vectors.tsv", part: regexp.MustCompile(`(?m)^(raw|deflate|mixing)\t[0-9a-f]*\t[0-9a-f]+`)},
		{file: "../../docs/wire-v2.md", part: regexp.MustCompile(`(?m)^200 \{"..`), not: 1}, // a response of version 1
		{file: "../../docs/wire-v2-dialect.md", part: regexp.MustCompile("(?m)^```hex\n[0-9a-f]")},
	} {
		data, err := os.ReadFile(c.file)
		require.NoError(t, err)
		n := 0
		data = c.part.ReplaceAllFunc(long.ReplaceAll(data, []byte("$1")), func(part []byte) []byte {
			n++
			if last := &part[len(part)-1]; *last != '0' {
				*last = '0'
			} else {
				*last = '1'
			}
			return part
		})
		require.Greater(t, n, 4, c.file)
		path := filepath.Join(dir, filepath.Base(c.file))
		require.NoError(t, os.WriteFile(path, data, 0o644))
		parts[path] = n - c.not
	}
	noticed(t, parts)
}

// noticed has Python play files, in each of which so many rows or examples are wrong.
func noticed(t *testing.T, files map[string]int) {
	t.Helper()
	out, err := independent(t, slices.Sorted(maps.Keys(files))...)
	require.Error(t, err, "it did not notice")
	total := 0
	for path, n := range files {
		assert.Equal(t, n, strings.Count("\n"+out, "\n"+path+": "), "what is wrong in %s is noticed:\n%s", path, out)
		total += n
	}
	assert.Regexp(t, fmt.Sprintf(` vectors, %d failed\n\z`, total), out)
}

// brokenFor returns vectors like v with one thing wrong that whoever sees a session has to
// notice.
func brokenFor(v vector) (wrong []vector) {
	all := v.mutants()
	if _, ok := v.(*tablesVector); ok {
		return all
	}
	was, ok := v.(*exchangeVector)
	if !ok {
		return all[len(all)-1:]
	}
	for _, m := range all[1:] { // the first one says more than an end should have to say
		for i, s := range m.(*exchangeVector).Steps {
			if !reflect.DeepEqual(s, was.Steps[i]) && !free(was, was.Steps[i]) {
				wrong = append(wrong, m)
			}
		}
	}
	if was.Class != "microcontroller" && len(wrong) > 8 {
		wrong = wrong[len(wrong)-1:] // mixing takes Python a second
	}
	return wrong
}

// free reports whether nothing that is on the link before a step says what is in it: the
// sentences of a gateway's own errors, how long a pushed answer holds, and what the ends of
// a push ask and answer by themselves.
func free(v *exchangeVector, s step) bool {
	if s.Message == "" {
		return v.Push || s.Status == 502 || s.Status == 503
	}
	return strings.Contains(s.Reads, " 268:06 ") || strings.Contains(s.Reads, " 2.03 ")
}
