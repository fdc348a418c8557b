package documents

import (
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
)

var (
	fence = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	code  = regexp.MustCompile("`[^`\n]*`")
	link  = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	// heading is a title; its fragment is what a link to it has behind "#".
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// fragments are those of the headings of a document, as they are made by those who show it.
func fragments(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(m[1]) {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				b.WriteRune(r)
			case r == ' ':
				b.WriteRune('-')
			}
		}
		all[b.String()] = true
	}
	return all
}

// TestLinks: what a document leads to in the repository is there.
func TestLinks(t *testing.T) {
	r := read(t)
	followed := 0
	for name, text := range r.documents {
		text = code.ReplaceAllString(fence.ReplaceAllString(text, ""), "`code`")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			followed++
			target, fragment, _ := strings.Cut(m[1], "#")
			to := name
			if target != "" {
				to = path.Join(path.Dir(name), target)
			}
			if !assert.True(t, exists(to), "%s leads to %s", name, m[1]) || fragment == "" {
				continue
			}
			assert.Contains(t, fragments(r.documents[to]), fragment, "%s leads to %s", name, m[1])
		}
	}
	assert.Greater(t, followed, 100)
}

// pageNamed is a document that a source names.
var pageNamed = regexp.MustCompile(`\b(?:docs|testdata/corpus)/[\w/-]+\.md\b`)

// TestNamedBySources: a document that a comment or a message names is there.
func TestNamedBySources(t *testing.T) {
	r := read(t)
	named := 0
	for name, text := range r.sources {
		for _, page := range pageNamed.FindAllString(text, -1) {
			named++
			assert.Contains(t, r.documents, page, "%s names it", name)
		}
	}
	assert.Greater(t, named, 100)
}
