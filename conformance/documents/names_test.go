package documents

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// topLevel reports whether a path begins with something at the top of the repository.
func topLevel(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return first != "" && first != "." && exists(first)
}

// pathLike is text in code that may be a path of the repository.
var pathLike = regexp.MustCompile(`^[\w.-]+(?:/[\w.*-]+)+/?$`)

// TestPaths: a path that a document names, a package, a file or a pattern of files, is there.
func TestPaths(t *testing.T) {
	r := read(t)
	named := 0
	for name, text := range r.documents {
		for _, m := range code.FindAllString(text, -1) {
			p := strings.Trim(m, "`")
			if !pathLike.MatchString(p) || !topLevel(p) {
				continue
			}
			named++
			found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(p)))
			require.NoError(t, err)
			beside, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(path.Join(path.Dir(name), p))))
			require.NoError(t, err)
			assert.NotEmpty(t, append(found, beside...), "%s names %s", name, p)
		}
	}
	assert.Greater(t, named, 100)
}

// named is a directory in code, or a test.
var named = regexp.MustCompile("`([\\w./-]+)`|\\b((?:Test|Fuzz|Benchmark)[A-Z]\\w+)")

// TestTests: a test that a document names is there, in the package that the sentence names
// before it, if it names one.
func TestTests(t *testing.T) {
	r := read(t)
	tests := 0
	for name, text := range r.documents {
		for paragraph := range strings.SplitSeq(text, "\n\n") {
			dir := ""
			for _, m := range named.FindAllStringSubmatch(paragraph, -1) {
				test := m[2]
				if m[1] != "" {
					if isDir(m[1]) && topLevel(m[1]) {
						dir = strings.TrimSuffix(m[1], "/")
						continue
					}
					if test = m[1]; !regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w+$`).MatchString(test) {
						continue
					}
				}
				tests++
				assert.True(t, r.has(dir, test), "%s: %s has no %s", name, dir, test)
			}
		}
	}
	assert.Greater(t, tests, 100)
}

// has reports whether a test is in a directory, or in any for "".
func (r tree) has(dir, test string) bool {
	if dir != "" {
		return r.tests[dir][test]
	}
	for _, tests := range r.tests {
		if tests[test] {
			return true
		}
	}
	return false
}

// Commands of documents.
var (
	goTest  = regexp.MustCompile("\\bgo (?:-C (\\S+) )?(?:test|run|build|install|vet)\\b[^`\n]*")
	pattern = regexp.MustCompile(`(?:^|\s)(\./[\w./-]*|\.)(?:\s|$|\))`)
	runFlag = regexp.MustCompile(`-(?:run|bench|fuzz) '?([^' ]+)'?`)
	inText  = regexp.MustCompile("`make ([a-z][a-z -]*)[`A-Z]")
	inCode  = regexp.MustCompile(`(?m)^make ([a-z][a-z -]*)`)
	target  = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

// TestCommands: commands of documents name packages, tests and targets that are there.
func TestCommands(t *testing.T) {
	r := read(t)
	commands := 0
	for name, text := range r.documents {
		for _, m := range goTest.FindAllStringSubmatch(text, -1) {
			commands++
			for _, p := range pattern.FindAllStringSubmatch(m[0], -1) {
				dir := filepath.ToSlash(filepath.Join(m[1], strings.TrimSuffix(p[1], "...")))
				assert.True(t, isDir(dir), "%s: %s", name, m[0])
			}
			if run := runFlag.FindStringSubmatch(m[0]); run != nil && run[1] != "^$" && run[1] != "." {
				assert.True(t, r.matches(strings.Split(run[1], "/")[0]), "%s: %s", name, m[0])
			}
		}
		made := inText.FindAllStringSubmatch(text, -1)
		for _, block := range fence.FindAllString(text, -1) {
			made = append(made, inCode.FindAllStringSubmatch(block, -1)...)
		}
		for _, m := range made {
			for _, word := range strings.Fields(m[1]) {
				commands++
				assert.True(t, r.makes("Makefile", word) || r.makes(path.Join(path.Dir(name), "Makefile"), word), "%s: make %s", name, word)
			}
		}
	}
	assert.Greater(t, commands, 50)
}

// makes reports whether a Makefile has a target.
func (r tree) makes(makefile, word string) bool {
	for _, m := range target.FindAllStringSubmatch(r.sources[makefile], -1) {
		if m[1] == word {
			return true
		}
	}
	return false
}

// matches reports whether a pattern of -run finds a test.
func (r tree) matches(run string) bool {
	re, err := regexp.Compile(run)
	if err != nil {
		return false
	}
	for _, tests := range r.tests {
		for test := range tests {
			if re.MatchString(test) {
				return true
			}
		}
	}
	return false
}

// option is one of the program.
var option = regexp.MustCompile("(?:^|[\\s`(])(--[a-z][a-z0-9-]+)")

// elsewhere are options of other programs.
var elsewhere = map[string]string{
	"--cflags": "pkg-config", "--libs": "pkg-config", "--static": "pkg-config",
	"--undef-value-errors": "valgrind",
	"--system":             "useradd", "--home-dir": "useradd", "--create-home": "useradd",
	"--user": "systemctl", "--now": "systemctl", "--kill-whom": "systemctl",
	"--ignore-scripts": "npm", "--no-package-lock": "npm",
}

// TestOptions: an option that a document names is one of the program's.
func TestOptions(t *testing.T) {
	r := read(t)
	known := map[string]bool{}
	help, err := filepath.Glob(filepath.Join(root, "cmd/coapgw/testdata/help/*.txt"))
	require.NoError(t, err)
	for _, file := range help {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`--(?:\[no-\])?([a-z][a-z0-9-]+)`).FindAllStringSubmatch(string(b), -1) {
			known["--"+m[1]], known["--no-"+m[1]] = true, true
		}
	}
	require.Greater(t, len(known), 50)
	options := 0
	for name, text := range r.documents {
		for _, m := range option.FindAllStringSubmatch(text, -1) {
			options++
			assert.True(t, known[m[1]] || elsewhere[m[1]] != "", "%s: %s", name, m[1])
		}
	}
	assert.Greater(t, options, 100)
}
