package microcontroller

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// faulty is the exit status of a program in which valgrind found an error.
const faulty = 99

// valgrind is a command that runs another and looks for errors and leaks in it.
func valgrind(t *testing.T) []string {
	t.Helper()
	return []string{
		find(t, "valgrind", "valgrind"), "--quiet", "--leak-check=full",
		"--show-leak-kinds=definite,indirect,possible", "--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=99",
	}
}

// TestValgrind: a conversation leaves no leaks and makes no errors.
func TestValgrind(t *testing.T) {
	for _, tls := range tlsLibraries {
		t.Run(tls, func(t *testing.T) {
			t.Parallel()
			serve := startServe(t)
			talk(t, serve, append(valgrind(t), compile(t, tls))...)
		})
	}
}

// TestValgrindFinds: what TestValgrind would have to find, it finds. The client has no
// arguments here and ends at once.
func TestValgrindFinds(t *testing.T) {
	const usage = 2
	for _, tc := range []struct {
		name, fault string
		status      int
	}{
		{"nothing", "", usage},
		{"leak", "p = malloc(9); p = 0;", faulty},
		{"after free", "p = malloc(9); free(p); *p = 1;", faulty},
		{"uninitialised", "p = malloc(9); if (*p) putchar(*p); free(p);", faulty},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			source := filepath.Join(t.TempDir(), "fault.c")
			require.NoError(t, os.WriteFile(source, []byte(`
#include <stdio.h>
#include <stdlib.h>
char *volatile p;
__attribute__((constructor)) static void fault(void) { `+tc.fault+` }
`), 0o600))
			command := append(valgrind(t), compile(t, "openssl", "-Wno-use-after-free", source))
			err := exec.CommandContext(t.Context(), command[0], command[1:]...).Run()
			var ended *exec.ExitError
			require.ErrorAs(t, err, &ended)
			assert.Equal(t, tc.status, ended.ExitCode())
		})
	}
}
