package main

import (
	"fmt"
	"slices"
	"strings"
)

// target is a platform that a release is built for.
type target struct {
	os, arch string
	// level is the variant of the architecture, as an environment variable of go
	// build; empty for the usual one.
	level string
	// debian is Debian's name of the architecture; empty where there is no package.
	debian string
	// small builds the program for small machines: the client's side alone.
	small bool
}

// targets are all that are built. mipsle is softfloat, as routers are; arm is v7.
var targets = []target{
	{os: "linux", arch: "amd64", debian: "amd64"},
	{os: "linux", arch: "arm64", debian: "arm64"},
	{os: "linux", arch: "arm", level: "GOARM=7", debian: "armhf"},
	{os: "linux", arch: "mipsle", level: "GOMIPS=softfloat", debian: "mipsel"},
	{os: "linux", arch: "riscv64", level: "GORISCV64=rva20u64", debian: "riscv64"},
	{os: "windows", arch: "amd64"},
	{os: "darwin", arch: "arm64"},
	{os: "darwin", arch: "amd64"},
	{os: "linux", arch: "arm64", small: true},
	{os: "linux", arch: "arm", level: "GOARM=7", small: true},
	{os: "linux", arch: "mipsle", level: "GOMIPS=softfloat", small: true},
	{os: "linux", arch: "riscv64", level: "GORISCV64=rva20u64", small: true},
}

// name is the target as users know it: linux-armv7, linux-armv7-clientonly.
func (t target) name() string {
	arch := t.arch
	if t.arch == "arm" {
		arch += "v" + strings.TrimPrefix(t.level, "GOARM=")
	}
	name := t.os + "-" + arch
	if t.small {
		name += "-" + clientOnly
	}
	return name
}

// clientOnly is the build tag that leaves all but the client's side out of the program.
const clientOnly = "clientonly"

// tags are flags of go build.
func (t target) tags() []string {
	if t.small {
		return []string{"-tags", clientOnly}
	}
	return nil
}

// program is the name of the executable.
func (t target) program() string {
	if t.os == "windows" {
		return "coapgw.exe"
	}
	return "coapgw"
}

// environment is what go build must be told.
func (t target) environment() []string {
	env := []string{"CGO_ENABLED=0", "GOOS=" + t.os, "GOARCH=" + t.arch}
	if t.level != "" {
		env = append(env, t.level)
	}
	return env
}

// chosen returns the targets of a list of names, all for none.
func chosen(names string) ([]target, error) {
	if names == "" {
		return targets, nil
	}
	var some []target
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(targets, func(t target) bool { return t.name() == name })
		if i < 0 {
			return nil, fmt.Errorf("no target %q", name)
		}
		some = append(some, targets[i])
	}
	return some, nil
}
