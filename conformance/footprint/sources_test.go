package footprint

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain looks at the sources of all programs: the go command then knows that a result of
// these tests holds no longer when one of them has changed, which it does not see by itself
// since they are built by another go command.
func TestMain(m *testing.M) {
	if _, err := sources("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// sources is how many files under root a program may be made of.
func sources(root string) (files int, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"conformance", "dist", "docs", "testdata"}, d.Name())):
			return fs.SkipDir
		case d.IsDir() || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files++
		_, err = os.Stat(path)
		return err
	})
	return files, err
}

func TestSources(t *testing.T) {
	n, err := sources("../..")
	require.NoError(t, err)
	require.Greater(t, n, 300)
}
