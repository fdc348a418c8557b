package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/config"
)

var fileOptions = []config.Option{
	{Name: "listen", Env: []string{"X_LISTEN"}},
	{Name: "fingerprint", Env: []string{"X_FINGERPRINT", "X_FP"}},
	{Name: "push", Env: []string{"X_PUSH"}},
	{Name: "policy", Env: []string{"X_POLICY"}, List: true},
	{Name: "secret"},
}

func layers(t *testing.T, text string, environment ...string) (*config.Layers, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return config.ReadLayers(file, environment, fileOptions)
}

func TestLayers(t *testing.T) {
	l, err := layers(t, `# of a boat
listen: :5684
fingerprint: 00112233  # no number
push: no
policy:
  - typing=pass
  - receipts=merge:2m
`, "X_LISTEN=:1", "X_LISTENING=:2", "X_FP=2", "LISTEN=:3")
	require.NoError(t, err)
	assert.Equal(t, ":1", l.Value("listen"), "the environment goes first")
	assert.Equal(t, "2", l.Value("fingerprint"))
	assert.Equal(t, "no", l.Value("push"))
	assert.Equal(t, []any{"typing=pass", "receipts=merge:2m"}, l.Value("policy"))
	assert.Nil(t, l.Value("secret"))

	l, err = layers(t, "fingerprint: 00112233\npolicy: typing=pass", "X_FINGERPRINT=1", "X_FP=2")
	require.NoError(t, err)
	assert.Equal(t, "1", l.Value("fingerprint"), "the first name goes first")
	assert.Equal(t, []any{"typing=pass"}, l.Value("policy"))
	l, err = layers(t, "fingerprint: 00112233")
	require.NoError(t, err)
	assert.Equal(t, "00112233", l.Value("fingerprint"), "as it is written")

	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		l, err = layers(t, empty, "X_PUSH=false")
		require.NoError(t, err, empty)
		assert.Equal(t, "false", l.Value("push"))
	}
}

func TestFileErrors(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		line             int
	}{
		{"unknown", "listen: :1\n\nlisten-to: :2", `"listen-to"`, 3},
		{"a slip", "listn: :1", "listen is one", 1},
		{"twice", "push: true\npush: false", "twice", 2},
		{"no value", "listen:", "no value", 1},
		{"a list for one", "listen: [a, b]", "one value", 1},
		{"inner structure", "listen: {a: b}", "one value", 1},
		{"a list of lists", "policy: [[a]]", "list of single", 1},
		{"alias", "secret: &a hidden\nlisten: *a", "one value", 2},
		{"no options", "listen", "NAME: VALUE", 1},
		{"a list", "- listen", "NAME: VALUE", 1},
		{"two documents", "listen: a\n---\nlisten: b", "more than one", 0},
		{"no YAML", "listen: [", "line 1", 0},
		{"too long", strings.Repeat("#", 1<<20+1), "too long", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := layers(t, tt.text)
			var e *config.FileError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.line, e.Line)
			assert.Contains(t, err.Error(), tt.want)
			assert.NotContains(t, err.Error(), "hidden")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := config.ReadLayers("/nonexistent", nil, nil)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzFile(f *testing.F) {
	for _, text := range []string{"listen: :1", "policy: [a, b]", "&a [*a]", "? {a: b}\n: c", "%YAML 1.2\n---\n!!binary aa: b"} {
		f.Add(text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(dir, "file.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		l, err := config.ReadLayers(file, nil, fileOptions)
		if err != nil {
			var e *config.FileError
			require.ErrorAs(t, err, &e)
			return
		}
		for _, o := range fileOptions {
			switch v := l.Value(o.Name).(type) {
			case nil, string:
			case []any:
				require.True(t, o.List)
				for _, item := range v {
					require.IsType(t, "", item)
				}
			default:
				t.Fatalf("%T", v)
			}
		}
	})
}
