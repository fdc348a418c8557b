package clib

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// foundBy is what valgrind returns where it finds something; a program that crashes does not
// return it.
const foundBy = 99

// valgrind looks at each access to memory, and at what malloc gave and nobody can free any
// more at the end. Whether a value was ever set it cannot tell of Go, which reuses stacks
// without a word to it, so it is not asked about that. "Possibly lost" is what pthread_create
// keeps for threads of Go's that live to the end, and no error.
var valgrind = []string{
	"valgrind", "--quiet", "--error-exitcode=99", "--undef-value-errors=no",
	"--suppressions=testdata/go.supp",
	"--leak-check=full", "--errors-for-leak-kinds=definite,indirect", "--show-leak-kinds=definite,indirect",
}

func TestExampleIsCleanUnderValgrind(t *testing.T) {
	runExample(t, named(t).compile(t, example, shared), valgrind...)
}

// valgrind sees what a program forgets to free: if it did not, the test above would say
// nothing.
func TestValgrindFindsLeaks(t *testing.T) {
	w := newWorld(t)
	program := named(t).compile(t, source("leak"), shared)
	for forgotten, found := range map[string]int{"nothing": 0, "own": foundBy, "response": foundBy, "message": foundBy} {
		t.Run(forgotten, func(t *testing.T) {
			p := start(t, w.env(), append(valgrind, program, forgotten)...)
			assert.Equal(t, found, p.ends(), "%s", p)
			if found != 0 {
				assert.Contains(t, p.String(), "in 1 blocks are definitely lost")
			}
		})
	}
}

// named is the library with the names of its functions, by which testdata/go.supp knows Go's.
func named(t *testing.T) installed { return build(t, "named", "STRIP=-w") }
