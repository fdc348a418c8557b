//go:build !clientonly

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/golden"
)

// TestManual holds the tables of options in docs/operations.md and the example files to the
// command line. UPDATE_GOLDEN=1 writes them.
func TestManual(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	for _, command := range []string{"serve", "connect"} {
		flags := flagsOf(t, command)
		golden.WrittenBy(filepath.Join(docs, "operations.md"), "options of "+command, "UPDATE_GOLDEN=1 go test ./cmd/coapgw").
			Hold(t, "\n"+table(flags)+"\n", golden.Update())
		golden.File(t, filepath.Join(docs, "examples", command+".yaml"), exampleFile(command, flags), golden.Update())
	}
}

// TestExampleFiles: with every line that shows a default made active, an example configures
// what the defaults do.
func TestExampleFiles(t *testing.T) {
	for _, command := range []string{"serve", "connect"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", command+".yaml"))
		require.NoError(t, err)
		active := 0
		var b strings.Builder
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(value, " ") && strings.Contains(value, ": ") && !strings.Contains(value, "<") {
				line = value
				active++
			}
			b.WriteString(line)
		}
		require.Greater(t, active, 5)
		file := filepath.Join(t.TempDir(), "example.yaml")
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o600))
		want, err := parsed(t, command)
		require.NoError(t, err)
		got, err := parsed(t, command, "--config", file)
		require.NoError(t, err)
		got.Serve.Config, got.Connect.Config = "", ""
		assert.Equal(t, want, got)
	}
}

// flagsOf are the options of a command, in the order of its help.
func flagsOf(t *testing.T, command string) []*kong.Flag {
	t.Helper()
	_, parser, err := newCommandLine(streams{})
	require.NoError(t, err)
	for _, node := range parser.Model.Children {
		if node.Name != command {
			continue
		}
		var flags []*kong.Flag
		for _, f := range node.Flags {
			if f.Name != "help" {
				flags = append(flags, f)
			}
		}
		return flags
	}
	t.Fatal(command)
	return nil
}

// table is options in Markdown.
func table(flags []*kong.Flag) string {
	var b strings.Builder
	b.WriteString("| option | default | what |\n|---|---|---|\n")
	for _, f := range flags {
		value := ""
		if f.HasDefault && f.Default != "" {
			value = "`" + f.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, value, strings.ReplaceAll(f.Help, "|", `\|`))
	}
	return b.String()
}

// exampleFile is a file of options with all of them, none of which is active.
func exampleFile(command string, flags []*kong.Flag) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Options of coapgw %s, all of them, with their defaults.\n# Made from 'coapgw %s --help'. Check yours with 'coapgw check %s --config FILE'.\n", command, command, command)
	for _, f := range flags {
		if f.Name == configFlag {
			continue
		}
		b.WriteString("\n")
		for _, line := range wrap(f.Help, 88) {
			b.WriteString("# " + line + "\n")
		}
		switch {
		case f.IsSlice():
			fmt.Fprintf(&b, "#%s: [<%s>]\n", f.Name, strings.TrimSuffix(strings.Trim(f.PlaceHolder, "'"), ",..."))
		case f.HasDefault && f.Default != "":
			fmt.Fprintf(&b, "#%s: %q\n", f.Name, f.Default)
		case f.IsBool():
			fmt.Fprintf(&b, "#%s: false\n", f.Name)
		default:
			fmt.Fprintf(&b, "#%s: <%s>\n", f.Name, f.PlaceHolder)
		}
	}
	return b.String()
}

// wrap breaks a text into lines of so many characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
