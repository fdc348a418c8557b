package documents

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// tree is the repository.
type tree struct {
	// documents are the texts in Markdown by path.
	documents map[string]string
	// sources are all others that people read and write, by path.
	sources map[string]string
	// tests are the names of tests, fuzz targets, benchmarks and examples by directory.
	tests map[string]map[string]bool
}

var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)

// sourceEndings are those of texts that may name a document.
var sourceEndings = []string{".go", ".c", ".h", ".py", ".sh", ".js", ".yaml", ".env", ".service", ".init", "Makefile"}

// read returns the repository, which tests only look at.
func read(t *testing.T) tree {
	t.Helper()
	r, err := whole()
	require.NoError(t, err)
	require.Greater(t, len(r.documents), 40)
	require.Greater(t, len(r.sources), 1000)
	return r
}

// whole reads the repository, once.
var whole = sync.OnceValues(func() (tree, error) {
	r := tree{map[string]string{}, map[string]string{}, map[string]map[string]bool{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), root+"/")
		if d.IsDir() {
			if base := d.Name(); path != root && strings.HasPrefix(base, ".") || base == "node_modules" || name == "dist" {
				return fs.SkipDir
			}
			return nil
		}
		markdown := strings.HasSuffix(name, ".md")
		if !markdown && !hasEnding(name) {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if markdown {
			r.documents[name] = string(b)
			return nil
		}
		r.sources[name] = string(b)
		if strings.HasSuffix(name, "_test.go") {
			dir := filepath.ToSlash(filepath.Dir(name))
			if r.tests[dir] == nil {
				r.tests[dir] = map[string]bool{}
			}
			for _, m := range testFunc.FindAllStringSubmatch(string(b), -1) {
				r.tests[dir][m[1]] = true
			}
		}
		return nil
	})
	return r, err
})

func hasEnding(name string) bool {
	for _, ending := range sourceEndings {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

// exists reports whether something in the repository has the path.
func exists(name string) bool {
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
	return err == nil
}

// isDir reports whether the path is that of a directory.
func isDir(name string) bool {
	info, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
	return err == nil && info.IsDir()
}
