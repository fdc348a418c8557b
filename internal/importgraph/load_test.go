package importgraph

import (
	"encoding/json"
	"errors"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/coapgw/coapgw"

// listed is a package as go list describes it.
type listed struct {
	ImportPath string
	Name       string
	Dir        string
	Standard   bool
	DepOnly    bool
	GoFiles    []string
	Imports    []string
	Deps       []string
	Export     string
}

// graph is the packages of the module and all that they depend on, without tests.
type graph map[string]listed

func load(t *testing.T) graph {
	t.Helper()
	loaded.Do(func() { loaded.graph = list(t, "-export", module+"/...") })
	require.NotNil(t, loaded.graph, "the first test that wanted it has failed")
	return loaded.graph
}

// loaded is the graph, which the tests only read.
var loaded struct {
	sync.Once
	graph graph
}

// list is what go list -deps says of its arguments.
func list(t *testing.T, args ...string) graph {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps",
		"-json=ImportPath,Name,Dir,Standard,DepOnly,GoFiles,Imports,Deps,Export"}, args...)...)
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	g := graph{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		g[p.ImportPath] = p
	}
	return g
}

// own returns the packages of the module under the given paths, all of them when
// there are none.
func (g graph) own(under ...string) []listed {
	var ps []listed
	for _, p := range g {
		rel, ok := strings.CutPrefix(p.ImportPath, module+"/")
		if ok && (len(under) == 0 || matches(rel, under)) {
			ps = append(ps, p)
		}
	}
	return ps
}

// matches reports whether path is one of the trees or lies in one of them.
func matches(path string, trees []string) bool {
	for _, tree := range trees {
		if path == tree || strings.HasPrefix(path, tree+"/") {
			return true
		}
	}
	return false
}

// importer returns what reads the exported API of the graph's packages.
func (g graph) importer() types.Importer {
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(g[path].Export)
	})
}
