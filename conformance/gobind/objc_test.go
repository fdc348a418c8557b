package gobind

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestObjectiveC has clang read what gobind wrote for Objective-C, and an app that uses it, with
// GNUstep in the place of Apple's Foundation. It runs nothing: that takes Apple's runtime.
func TestObjectiveC(t *testing.T) {
	const foundation = "/usr/include/GNUstep"
	require.FileExists(t, foundation+"/Foundation/Foundation.h", "libgnustep-base-dev is needed: see need in .ci/run")
	headers := filepath.Join(generated(t, mobile), "src/gobind")
	for _, header := range sources(t, ".h", headers) {
		b, err := os.ReadFile(header)
		require.NoError(t, err)
		// GNUstep is no module.
		text := strings.ReplaceAll(string(b), "@import Foundation;", "#import <Foundation/Foundation.h>")
		require.NoError(t, os.WriteFile(header, []byte(text), 0o600))
	}
	runtime, err := filepath.Glob("/usr/lib/gcc/*/*/include/objc/objc.h")
	require.NoError(t, err)
	require.NotEmpty(t, runtime, "libobjc-dev is needed, on which libgnustep-base-dev depends")
	run(t, "", "clang", "-fsyntax-only", "-x", "objective-c", "-fobjc-runtime=gcc", "-fobjc-exceptions", "-fconstant-string-class=NSConstantString",
		"-Wall", "-Wextra", "-Werror", "-Wno-objc-property-no-attribute", // ARC, which GNUstep lacks here, has one by default
		"-I"+headers, "-isystem", foundation, "-isystem", filepath.Join(filepath.Dir(runtime[0]), ".."), "testdata/objc/app.m")
}
