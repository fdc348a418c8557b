package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

// root is the directory of the sources.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

// copySources copies what is built, as it lies in the working tree, into dir.
func copySources(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	script := `cd "$1" && git ls-files -z --cached --others --exclude-standard -- . ':!conformance' ':!docs' ':!testdata' |
		tar --create --null --files-from=- --ignore-failed-read | tar --extract --directory "$2"`
	out, err := exec.CommandContext(t.Context(), "bash", "-c", script, "bash", root(t), dir).CombinedOutput()
	require.NoError(t, err, string(out))
}

// builtTwice are the targets that TestReproducible builds.
const builtTwice = "linux-amd64,linux-mipsle,linux-mipsle-clientonly"

// The same sources give the same bytes, wherever they lie: archives and Debian
// packages, with all that is in them. The go command takes compiled packages from its
// cache only if its key, to which paths belong unless they are trimmed, is the same.
func TestReproducible(t *testing.T) {
	some, err := chosen(builtTwice)
	require.NoError(t, err)
	base, err := newRelease(t.Context(), root(t), "v1.2.3")
	require.NoError(t, err)
	var first map[string][]byte
	for _, dir := range []string{"a", "a/rather longer/path"} {
		r := *base
		work := t.TempDir()
		r.source = filepath.Join(work, dir)
		copySources(t, r.source)
		manual, out := filepath.Join(work, "manual"), filepath.Join(work, "out")
		require.NoError(t, os.Mkdir(out, 0o755))
		require.NoError(t, r.manual(t.Context(), manual))
		files := make(map[string][]byte)
		for _, target := range some {
			stage := filepath.Join(work, "stage", target.name())
			made, err := r.build(t.Context(), target, stage, manual, out)
			require.NoError(t, err)
			for _, name := range made {
				files[name], err = os.ReadFile(filepath.Join(out, name))
				require.NoError(t, err)
			}
			program := filepath.Join(stage, target.program())
			checkStatic(t, program)
			data, err := os.ReadFile(program)
			require.NoError(t, err)
			home, err := os.UserHomeDir()
			require.NoError(t, err)
			for _, trace := range []string{work, root(t), filepath.Join(home, "go")} {
				assert.False(t, bytes.Contains(data, []byte(trace)), "%s names %s", target.name(), trace)
			}
		}
		require.Len(t, files, 5) // two of them with a Debian package
		if first == nil {
			first = files
		}
		for name := range files {
			assert.True(t, bytes.Equal(first[name], files[name]), "%s differs", name)
		}
	}
}

// checkStatic requires that nothing else is loaded with a program.
func checkStatic(t *testing.T, program string) {
	t.Helper()
	f, err := elf.Open(program)
	require.NoError(t, err)
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	require.NoError(t, err)
	assert.Empty(t, libraries)
	for _, p := range f.Progs {
		assert.NotEqual(t, elf.PT_INTERP, p.Type, "needs a loader")
	}
}

// What is built for releases only is type-checked here, with all that it imports:
// compiling it takes minutes on a fresh machine.
func TestTargetsCompile(t *testing.T) {
	for _, target := range targets {
		if slices.Contains(strings.Split(builtTwice, ","), target.name()) {
			continue
		}
		t.Run(target.name(), func(t *testing.T) {
			loaded, err := packages.Load(&packages.Config{
				Context: t.Context(),
				Mode:    packages.NeedName | packages.NeedImports | packages.NeedDeps | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedTypesSizes,
				Dir:     root(t),
				Env:     append(os.Environ(), target.environment()...),

				BuildFlags: target.tags(),
			}, "./cmd/coapgw")
			require.NoError(t, err)
			require.Len(t, loaded, 1)
			seen := 0
			packages.Visit(loaded, nil, func(p *packages.Package) {
				seen++
				for _, e := range p.Errors {
					t.Errorf("%s: %v", p.PkgPath, e)
				}
			})
			assert.Greater(t, seen, 100)
		})
	}
}

func TestTargets(t *testing.T) {
	names := make(map[string]bool)
	for _, target := range targets {
		assert.False(t, names[target.name()], target.name())
		names[target.name()] = true
		assert.Equal(t, target.os == "linux" && !target.small, target.debian != "")
	}
	assert.True(t, names["linux-armv7"])
	assert.True(t, names["linux-armv7-clientonly"])
	_, err := chosen("linux-amd64,plan9-mips")
	assert.ErrorContains(t, err, "plan9-mips")
	all, err := chosen("")
	require.NoError(t, err)
	assert.Equal(t, targets, all)
}

func TestNewRelease(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	r, err := newRelease(t.Context(), root(t), "")
	require.NoError(t, err)
	assert.Equal(t, time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC), r.date)
	assert.Regexp(t, `^[0-9a-f]{40}(\+dirty)?$`, r.commit)
	assert.Regexp(t, `^v\d+\.\d+\.\d+`, r.version)

	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	_, err = newRelease(t.Context(), root(t), "")
	assert.ErrorContains(t, err, "SOURCE_DATE_EPOCH")

	t.Setenv("SOURCE_DATE_EPOCH", "")
	_, err = newRelease(t.Context(), t.TempDir(), "")
	assert.ErrorContains(t, err, "rev-parse")
}

func TestArchives(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(program, []byte("program"), 0o600))
	r := &release{source: root(t), version: "v1.2.3", date: time.Unix(1700000000, 0).UTC()}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "manual"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manual/coapgw.1"), []byte("page"), 0o600))

	name, err := r.archive(target{os: "linux", arch: "amd64"}, program, filepath.Join(dir, "manual"), dir)
	require.NoError(t, err)
	require.Equal(t, "coapgw-1.2.3-linux-amd64.tar.gz", name)
	f, err := os.Open(filepath.Join(dir, name))
	require.NoError(t, err)
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	require.NoError(t, err)
	reader := tar.NewReader(unpacked)
	var names []string
	for {
		h, err := reader.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		names = append(names, h.Name)
		assert.True(t, h.ModTime.Equal(r.date))
		assert.Zero(t, h.Uid)
		assert.Equal(t, strings.HasSuffix(h.Name, "/coapgw"), h.Mode == 0o755, h.Name)
	}
	const top = "coapgw-1.2.3-linux-amd64/"
	assert.Equal(t, []string{top + "coapgw", top + "CHANGELOG.md", top + "LICENSE", top + "README.md", top + "manual/coapgw.1"}, names)

	entries, err := r.entries(target{os: "linux", arch: "mipsle", small: true}, program, filepath.Join(dir, "manual"))
	require.NoError(t, err)
	assert.Equal(t, "coapgw-connect.init", entries[len(entries)-1].name)
	assert.FileExists(t, entries[len(entries)-1].from)

	name, err = r.archive(target{os: "windows", arch: "amd64"}, program, filepath.Join(dir, "manual"), dir)
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), "sha256sum", filepath.Join(dir, name)).Output()
	require.NoError(t, err)
	require.NoError(t, writeSums(dir, []string{name}))
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	require.NoError(t, err)
	assert.Equal(t, strings.Fields(string(out))[0]+"  coapgw-1.2.3-windows-amd64.zip\n", string(sums))
}

func TestRunSaysWhatFailed(t *testing.T) {
	assert.ErrorContains(t, run(context.Background(), []string{"-targets", "none"}), "none")
	assert.Error(t, run(context.Background(), []string{"-source", t.TempDir(), "-out", t.TempDir()}))
}
