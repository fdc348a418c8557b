package paths

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// escapedText draws text as some client might escape it: mostly in one style.
func escapedText(styles []escaping) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		e := rapid.SampledFrom(styles).Draw(t, "style")
		var b strings.Builder
		e.write(&b, rapid.OneOf(
			rapid.String(),
			rapid.StringOfN(rapid.RuneFrom([]rune("a/.%+ =&?#:!'ü")), 0, 8, -1),
		).Draw(t, "text"))
		return b.String()
	})
}

// anyPath draws paths in and around the table.
func anyPath() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := strings.Split(rapid.SampledFrom(V1().Rows()).Draw(t, "row").Template, "/")
		for i, p := range parts {
			switch {
			case strings.HasPrefix(p, "{"):
				parts[i] = escapedText(pathStyles).Draw(t, "parameter")
			case p == "r0" && rapid.Bool().Draw(t, "v3"):
				parts[i] = "v3"
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "extra") == 0 {
			parts = append(parts, escapedText(pathStyles).Draw(t, "tail"))
		}
		return strings.Join(parts, "/")
	})
}

func TestPathProperty(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.OneOf(anyPath(), rapid.String()).Draw(t, "path")
		if checkPath(t, path, rapid.Bool().Draw(t, "fold")) {
			accepted++
		}
	})
	require.NotZero(t, accepted)
}

func TestExpandProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		segments := rapid.SliceOf(rapid.String()).Draw(t, "segments")
		if len(segments) > 0 && rapid.Bool().Draw(t, "enum") {
			segments[0] = rapid.SampledFrom(V1().Rows()).Draw(t, "row").Enum
		}
		checkExpand(t, segments, rapid.Byte().Draw(t, "form"))
	})
}

func TestQueryProperty(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		arg := rapid.Custom(func(t *rapid.T) string {
			return escapedText(queryStyles).Draw(t, "key") + "=" + escapedText(queryStyles).Draw(t, "value")
		})
		query := rapid.OneOf(arg, rapid.Map(rapid.SliceOf(arg), func(s []string) string { return strings.Join(s, "&") }),
			rapid.String()).Draw(t, "query")
		if checkQuery(t, query) && query != "" {
			accepted++
		}
	})
	require.NotZero(t, accepted)
}

// checkPath holds Shorten to its promise and reports whether it took the path.
func checkPath(t require.TestingT, path string, fold bool) bool {
	segments, form, ok := V1().Shorten(path, fold)
	if !ok {
		require.Nil(t, segments)
		return false
	}
	for _, s := range segments {
		require.True(t, len(s) <= maxValue && utf8.ValidString(s) && s != "." && s != "..")
	}
	require.True(t, fold || !form.V3)
	sent, err := ParseForm(form.Byte())
	require.NoError(t, err)
	back, err := V1().Expand(segments, sent)
	require.NoError(t, err)
	require.Equal(t, path, back)
	return true
}

// checkExpand holds Expand to its promise for values from anyone.
func checkExpand(t require.TestingT, segments []string, b uint8) {
	form, err := ParseForm(b)
	if err != nil {
		return
	}
	path, err := V1().Expand(segments, form)
	if err != nil {
		var pe *ParamsError
		if err != ErrForm && err != ErrSegment {
			require.ErrorAs(t, err, &pe)
		}
		require.Empty(t, path)
		return
	}
	require.Equal(t, byte('/'), path[0])
	for i := range len(path) {
		require.True(t, path[i] > ' ' && path[i] < 0x7f && path[i] != '?' && path[i] != '#')
	}
}

// checkQuery holds SplitQuery to its promise and reports whether it took the
// query.
func checkQuery(t require.TestingT, query string) bool {
	args, style, ok := SplitQuery(query)
	if !ok {
		require.Nil(t, args)
		return false
	}
	for _, arg := range args {
		require.True(t, len(arg) <= maxValue && utf8.ValidString(arg))
	}
	require.Equal(t, query, JoinQuery(args, style))
	return true
}
