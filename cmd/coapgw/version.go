package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/coapgw/coapgw/cborcodec/wire2"
)

// The linker sets these in releases, which are built from sources that need not be a
// checkout (packaging/release); elsewhere they are empty.
var version, commit, date string

type versionCmd struct{}

// build is what the program knows of its making; what it does not know is empty.
type build struct {
	// Version is a release as vX.Y.Z or a pseudo-version of Go.
	Version string
	// Commit is the revision, "+dirty" behind it if files differed from it.
	Commit string
	// Date is when the commit was made, RFC 3339.
	Date string
}

// readBuild prefers what the linker was told over what the go command recorded.
func readBuild() build {
	recorded := build{}
	if info, ok := debug.ReadBuildInfo(); ok {
		recorded.Version = info.Main.Version
		settings := make(map[string]string)
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		recorded.Commit, recorded.Date = settings["vcs.revision"], settings["vcs.time"]
		if settings["vcs.modified"] == "true" {
			recorded.Commit += "+dirty"
		}
	}
	return build{
		Version: cmp.Or(version, recorded.Version),
		Commit:  cmp.Or(commit, recorded.Commit),
		Date:    cmp.Or(date, recorded.Date),
	}
}

// Run prints what the build knows of itself, and what the other end must have for
// wire version 2: the same tables, the same model.
func (versionCmd) Run(std streams) error {
	b := readBuild()
	format, err := wire2.Shipped(1)
	if err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "coapgw %s%s, wire versions 1 and 2, %s %s/%s\n", cmp.Or(b.Version, "unknown"), edition, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(&text, "commit: %s\n", cmp.Or(b.Commit, "unknown"))
	fmt.Fprintf(&text, "date:   %s\n", cmp.Or(b.Date, "unknown"))
	fmt.Fprintf(&text, "format: %s\n", format.ID())
	_, err = fmt.Fprint(std.out, text.String())
	return err
}
