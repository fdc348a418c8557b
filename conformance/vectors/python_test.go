package vectors

import (
	"os"
	"os/exec"
	"path/filepath"
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
	args := append([]string{"-B", "python/play.py", "../../cborcodec/testdata/msc3079-v1-keys.json", "../../coap/paths/testdata/msc3079-v1-paths.json"}, files...)
	out, err := exec.Command(python, args...).CombinedOutput()
	return string(out), err
}

// TestPython has a second implementation play CBOR and paths, and notice what is wrong.
func TestPython(t *testing.T) {
	files := []string{filepath.Join(directory, "cbor.json"), filepath.Join(directory, "paths.json")}
	out, err := independent(t, files...)
	require.NoError(t, err, out)
	assert.Contains(t, out, " vectors, 0 failed")

	for _, path := range files {
		f, err := readFile(path)
		require.NoError(t, err)
		broken := *f
		broken.rows = nil
		for _, v := range f.rows {
			wrong := v.mutants()
			broken.rows = append(broken.rows, wrong[len(wrong)-1])
		}
		data, err := broken.encode()
		require.NoError(t, err)
		name := filepath.Join(t.TempDir(), f.name)
		require.NoError(t, os.WriteFile(name, data, 0o644))
		out, err := independent(t, name)
		require.Error(t, err, "it did not notice")
		assert.Equal(t, len(f.rows), strings.Count(out, "\n")-1, "each broken row is noticed:\n%s", out)
	}
}
