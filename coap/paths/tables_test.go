package paths

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestV1MatchesProposal compares the rows with the published table.
func TestV1MatchesProposal(t *testing.T) {
	data, err := os.ReadFile("testdata/msc3079-v1-paths.json")
	require.NoError(t, err)
	var vectors struct {
		Paths map[string]string `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(data, &vectors))

	got := make(map[string]string)
	for _, r := range V1().Rows() {
		got[r.Enum] = r.Template
	}
	assert.Len(t, V1().Rows(), len(got), "an enum has two rows")
	assert.Equal(t, vectors.Paths, got)
}

// TestV1Rules checks what newTable assumes of its rows.
func TestV1Rules(t *testing.T) {
	literal := chars(unreserved)
	for _, r := range V1().Rows() {
		require.Len(t, r.Enum, 1)
		require.True(t, strings.HasPrefix(r.Template, "/"))
		parts := V1().lookup(r.Enum).parts
		assert.False(t, parts[0].param, "%s begins with a parameter", r.Enum)
		for _, p := range parts {
			for i := range len(p.literal) {
				// Written as it is, whatever the style.
				assert.True(t, p.param || literal.has(p.literal[i]), "%s: %q", r.Enum, p.literal)
			}
		}
	}
	var walk func(n *node, at string)
	walk = func(n *node, at string) {
		assert.False(t, n.param != nil && len(n.literals) > 0, "literal and parameter compete after %q", at)
		for s, c := range n.literals {
			walk(c, at+"/"+s)
		}
		if n.param != nil {
			walk(n.param, at+"/{}")
		}
	}
	walk(&V1().root, "")
}

// TestEveryRow sends each row through, with r0 and v3, and with parameters that
// need escapes.
func TestEveryRow(t *testing.T) {
	const param = "%24a%2Fb"
	for _, r := range V1().Rows() {
		t.Run(r.Enum, func(t *testing.T) {
			tmpl := strings.Split(r.Template, "/")
			want := []string{r.Enum}
			for i, s := range tmpl {
				if strings.HasPrefix(s, "{") {
					tmpl[i] = param
					want = append(want, "$a/b")
				}
			}
			path := strings.Join(tmpl, "/")
			segments, form, ok := V1().Shorten(path, false)
			require.True(t, ok)
			assert.Equal(t, want, segments)
			assert.False(t, form.V3)
			back, err := V1().Expand(segments, form)
			require.NoError(t, err)
			assert.Equal(t, path, back)

			v3 := strings.Replace(path, "/r0/", "/v3/", 1)
			if v3 == path {
				_, err := V1().Expand(segments, Form{V3: true})
				assert.ErrorIs(t, err, ErrForm)
				return
			}
			full, form, ok := V1().Shorten(v3, false)
			require.True(t, ok)
			assert.Equal(t, []string{"_matrix", "client", "v3"}, full[:3])
			assert.False(t, form.V3)

			segments, form, ok = V1().Shorten(v3, true)
			require.True(t, ok)
			assert.Equal(t, want, segments)
			assert.True(t, form.V3)
			back, err = V1().Expand(segments, form)
			require.NoError(t, err)
			assert.Equal(t, v3, back)
		})
	}
}

func TestRowsIsACopy(t *testing.T) {
	V1().Rows()[0].Enum = "?"
	assert.Equal(t, "0", V1().Rows()[0].Enum)
}
