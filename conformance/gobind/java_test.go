package gobind

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/ashore"
)

// TestJava compiles what gobind wrote for Java with an app, builds the library for the JVM of
// this machine, and runs the app against a serve and a homeserver over loopback.
func TestJava(t *testing.T) {
	out := generated(t, mobile)
	classes, library := t.TempDir(), t.TempDir()
	run(t, "", "javac", append([]string{"-Xlint:all,-serial", "-Werror", "-d", classes},
		sources(t, ".java", filepath.Join(out, "java"), "testdata/java")...)...)
	buildForJVM(t, filepath.Join(out, "src/gobind"), library)
	far, err := ashore.Start()
	require.NoError(t, err)
	defer func() { assert.NoError(t, far.Close()) }()
	said := run(t, "", "java", "-Djava.library.path="+library, "-cp", classes, "app.App", far.Pairing, t.TempDir())
	assert.Contains(t, said, "all is well")
}

// buildForJVM builds libgojni.so, with the files that gobind wrote for Android and stand-ins
// for what only Android has.
func buildForJVM(t *testing.T, from, to string) {
	javac, err := exec.LookPath("javac")
	require.NoError(t, err)
	javac, err = filepath.EvalSymlinks(javac)
	require.NoError(t, err)
	include := filepath.Join(filepath.Dir(javac), "../include")

	dir := t.TempDir()
	for _, file := range sources(t, "", from) {
		name := filepath.Base(file)
		if strings.Contains(name, "darwin") || strings.HasSuffix(name, ".objc.h") || name == "ref.h" {
			continue
		}
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		if filepath.Ext(name) != ".h" {
			name = strings.Replace(name, "_android.", "_jvm.", 1) // or it would be built for Android alone
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	copyTo(t, filepath.Join(dir, "context.c"), "testdata/jvm/context.c")
	module, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(strings.ReplaceAll(string(module), "=> ../..", "=> "+root)), 0o600))
	copyTo(t, filepath.Join(dir, "go.sum"), "go.sum")
	stand, err := filepath.Abs("testdata/jvm")
	require.NoError(t, err)
	run(t, dir, "ar", "rc", "liblog.a") // -llog
	runWith(t, []string{
		"CGO_ENABLED=1", "GOFLAGS=-mod=mod",
		"CGO_CFLAGS=-O1 -D__GOBIND_ANDROID__ -Wno-error=incompatible-pointer-types -I" + stand + " -I" + include + " -I" + filepath.Join(include, "linux"),
		"CGO_LDFLAGS=-L" + dir,
	}, dir, "go", "build", "-buildmode=c-shared", "-o", filepath.Join(to, "libgojni.so"), ".")
}

func copyTo(t *testing.T, to, from string) {
	b, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, b, 0o600))
}
