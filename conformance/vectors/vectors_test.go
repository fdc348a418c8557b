package vectors

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/vectors")

// least is how many vectors of a kind there are at least: a file that is lost shows.
var least = map[string]int{"cbor": 300, "path": 180, "message": 40, "exchange": 160, "tables": 14}

// written returns the files as the rows of this package make them.
func written(t *testing.T) []*file {
	t.Helper()
	version2, err := version2File()
	require.NoError(t, err)
	return []*file{cborFile(), pathFile(), pairFile(), foreignFile(), optionFile(), errorFile(), messageFile(), blockFile(), observeFile(), version2, tablesFile(), streamFile()}
}

// TestFiles holds the files to the rows of this package: what is in them is what is meant,
// no file is left over, and none has become stale. -update writes them.
func TestFiles(t *testing.T) {
	var names []string
	for _, f := range written(t) {
		names = append(names, f.name)
		t.Run(f.name, func(t *testing.T) {
			for _, v := range f.rows {
				require.NoError(t, v.(draft).fill(t), v.title())
			}
			data, err := f.encode()
			require.NoError(t, err)
			path := filepath.Join(directory, f.name)
			if *update {
				require.NoError(t, os.WriteFile(path, data, 0o644))
				return
			}
			kept, err := os.ReadFile(path)
			require.NoError(t, err)
			for i, line := range bytes.Split(data, []byte("\n")) {
				was, rest, _ := bytes.Cut(kept, []byte("\n"))
				require.Equal(t, string(line), string(was), "line %d; if the change is meant, run make vectors", i+1)
				kept = rest
			}
			require.Empty(t, kept)
		})
	}
	found, err := filepath.Glob(filepath.Join(directory, "*"))
	require.NoError(t, err)
	for _, path := range found {
		assert.Contains(t, names, filepath.Base(path), "a file that nobody writes")
	}
}

// load reads all files.
func load(t *testing.T) []*file {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(directory, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	slices.Sort(paths)
	var files []*file
	for _, path := range paths {
		f, err := readFile(path)
		require.NoError(t, err)
		files = append(files, f)
	}
	return files
}

// TestVectors plays all files, as they are kept.
func TestVectors(t *testing.T) {
	format, err := formatOf()
	require.NoError(t, err)
	played := map[string]int{}
	size := 0
	for _, f := range load(t) {
		info, err := os.Stat(filepath.Join(directory, f.name))
		require.NoError(t, err)
		size += int(info.Size())
		t.Run(f.name, func(t *testing.T) {
			if f.Format != "" {
				require.Equal(t, format.ID().String(), f.Format, "another format of wire version 2: run make vectors")
			}
			for _, v := range f.rows {
				assert.NoError(t, v.play(t), v.title())
				played[f.Kind]++
			}
		})
	}
	for kind := range kinds {
		t.Logf("%d vectors of kind %s", played[kind], kind)
		assert.GreaterOrEqual(t, played[kind], least[kind], "vectors of kind %s", kind)
		assert.Positive(t, least[kind], kind)
	}
	assert.Less(t, size, 350_000, "bytes of all files: people are to read them")
}

// TestControls breaks each vector in one place after the other, and has to notice.
func TestControls(t *testing.T) {
	broken := 0
	for _, f := range load(t) {
		t.Run(f.name, func(t *testing.T) {
			for _, v := range f.rows {
				wrong := v.mutants()
				assert.NotEmpty(t, wrong, v.title())
				for i, m := range wrong {
					assert.Error(t, m.play(t), "%s, mutant %d", v.title(), i)
					broken++
				}
			}
		})
	}
	t.Logf("%d broken vectors", broken)
}

// TestSchema: what a reader does not know it must not skip.
func TestSchema(t *testing.T) {
	for name, text := range map[string]string{
		"schema":           `{"vectors":2,"kind":"cbor","about":"","rows":[]}`,
		"kind":             `{"vectors":1,"kind":"cobr","about":"","rows":[]}`,
		"member":           `{"vectors":1,"kind":"cbor","about":"","rows":[],"more":1}`,
		"member of a row":  `{"vectors":1,"kind":"cbor","about":"","rows":[{"name":"a","jsn":"1"}]}`,
		"row without name": `{"vectors":1,"kind":"cbor","about":"","rows":[{"why":"a"}]}`,
		"two of a name":    `{"vectors":1,"kind":"cbor","about":"","rows":[{"name":"a"},{"name":"a"}]}`,
		"garbage behind":   `{"vectors":1,"kind":"cbor","about":"","rows":[]} {}`,
	} {
		assert.ErrorIs(t, new(file).decode([]byte(text)), errFile, name)
	}
}
