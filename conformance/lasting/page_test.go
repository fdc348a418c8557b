package lasting

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSecurityPage: each test that docs/security.md names is there. A name is looked for
// in the directory that was mentioned last before it.
func TestSecurityPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/security.md")
	require.NoError(t, err)
	dirs := map[string]string{"boltstore": "coap/session/boltstore"}
	sources := map[string]string{}
	dir, named := "", 0
	for _, m := range regexp.MustCompile("`(dtls|coap|coap/(?:endpoint|stream|policy|answers)|mobile|boltstore|internal/gateway|conformance/(?:lasting|hostile|faults|load)|cborcodec/(?:dialect|wire2|coder|idtable))`|\\b(Test[A-Z]\\w+)").FindAllStringSubmatch(string(page), -1) {
		if m[2] == "" {
			dir = m[1]
			continue
		}
		if _, known := sources[dir]; !known {
			path := dir
			if long, ok := dirs[dir]; ok {
				path = long
			}
			files, err := filepath.Glob(filepath.Join("../..", path, "*_test.go"))
			require.NoError(t, err)
			for _, file := range files {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				sources[dir] += string(text)
			}
		}
		assert.True(t, strings.Contains(sources[dir], "func "+m[2]+"("), "%s has no %s", dir, m[2])
		named++
	}
	assert.Greater(t, named, 40)
}
