package clib

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const header = "../../clib/coapgw.h"

// declared are the functions of the header, sorted.
func declared(t *testing.T) (names []string) {
	t.Helper()
	text, err := os.ReadFile(header)
	require.NoError(t, err)
	for _, found := range regexp.MustCompile(`(?m)^[a-z].*?\b(coapgw_[a-z_]+)\(`).FindAllStringSubmatch(string(text), -1) {
		if !strings.HasPrefix(found[0], "typedef") {
			names = append(names, found[1])
		}
	}
	slices.Sort(names)
	require.Greater(t, len(names), 10)
	return names
}

// Programs see the functions of the header and nothing else, and the shared library goes by
// the number of the interface.
func TestExports(t *testing.T) {
	made := library(t)
	t.Run("shared", func(t *testing.T) {
		f, err := elf.Open(made.path("lib/libcoapgw.so.1"))
		require.NoError(t, err)
		defer f.Close()
		symbols, err := f.DynamicSymbols()
		require.NoError(t, err)
		var names []string
		for _, s := range symbols {
			if s.Section != elf.SHN_UNDEF && elf.ST_TYPE(s.Info) == elf.STT_FUNC {
				names = append(names, s.Name)
			}
		}
		slices.Sort(names)
		assert.Equal(t, declared(t), names)
		soname, err := f.DynString(elf.DT_SONAME)
		require.NoError(t, err)
		assert.Equal(t, []string{"libcoapgw.so.1"}, soname)
		needed, err := f.ImportedLibraries()
		require.NoError(t, err)
		for _, name := range needed {
			assert.Regexp(t, `^(libc\.so\.6|ld-linux.*\.so\.\d)$`, name)
		}
	})
	t.Run("static", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), "nm", "--extern-only", "--defined-only", "--format=just-symbols", made.path("lib/libcoapgw.a")).Output()
		require.NoError(t, err)
		var names []string
		for line := range strings.Lines(string(out)) {
			if name := strings.TrimSpace(line); name != "" && !strings.HasSuffix(name, ":") {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		assert.Equal(t, declared(t), names)
	})
}

// The header stands by itself, in C from C99 on and in C++.
func TestHeader(t *testing.T) {
	for _, language := range [][]string{
		{"gcc", "-x", "c", "-std=c99"}, {"gcc", "-x", "c", "-std=c17"},
		{"g++", "-x", "c++", "-std=c++98", "-Wno-long-long"}, {"g++", "-x", "c++", "-std=c++20"},
	} {
		t.Run(strings.Join(language[2:], " "), func(t *testing.T) {
			program := `#include "coapgw.h"
coapgw_options options = COAPGW_OPTIONS_INIT;
coapgw_request request = COAPGW_REQUEST_INIT;
int error(void) { coapgw_client c; return coapgw_open("", &options, &c, NULL); }
`
			file := filepath.Join(t.TempDir(), "program")
			require.NoError(t, os.WriteFile(file, []byte(program), 0o600))
			args := append(language[1:], "-fsyntax-only", "-pedantic", "-Wall", "-Wextra", "-Werror", "-I../../clib", file)
			out, err := exec.CommandContext(t.Context(), language[0], args...).CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}

// What is installed is what pkg-config tells of, and nothing says where it was built.
func TestInstalled(t *testing.T) {
	made := library(t)
	var files []string
	require.NoError(t, filepath.WalkDir(made.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, relative := filepath.Rel(made.dir, path)
			require.NoError(t, relative)
			files = append(files, name)
		}
		return err
	}))
	assert.ElementsMatch(t, []string{
		"include/coapgw.h", "lib/libcoapgw.a", "lib/libcoapgw.so", "lib/libcoapgw.so.1", "lib/pkgconfig/coapgw.pc",
	}, files)
	assert.Equal(t, []string{"1.2.3"}, made.pkgConfig(t, "--modversion"))
	assert.Equal(t, []string{"-I" + made.path("include"), "-L" + made.path("lib"), "-lcoapgw", "-pthread"}, made.pkgConfig(t, "--cflags", "--libs", "--static"))
	here, err := filepath.Abs("../..")
	require.NoError(t, err)
	home, err := os.UserHomeDir()
	require.NoError(t, err)
	for _, name := range []string{"lib/libcoapgw.a", "lib/libcoapgw.so.1"} {
		data, err := os.ReadFile(made.path(name))
		require.NoError(t, err)
		for _, trace := range []string{here, filepath.Join(home, "go"), builds.root} {
			assert.False(t, bytes.Contains(data, []byte(trace)), "%s names %s", name, trace)
		}
	}
}
