package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// release is what all its targets have in common.
type release struct {
	source string // absolute
	// version is vX.Y.Z or, where no tag is, a pseudo-version as Go forms it.
	version, commit string
	// date is that of all files.
	date time.Time
}

// newRelease asks git what version lies in source.
func newRelease(ctx context.Context, source, version string) (*release, error) {
	git := func(args ...string) (string, error) {
		out, err := command(ctx, source, nil, "git", args...)
		return strings.TrimSpace(out), err
	}
	commit, err := git("rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	seconds, err := git("log", "-1", "--format=%ct")
	if err != nil {
		return nil, err
	}
	epoch, err := strconv.ParseInt(cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), seconds), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	changed, err := git("status", "--porcelain")
	if err != nil {
		return nil, err
	}
	r := &release{source: source, version: version, commit: commit, date: time.Unix(epoch, 0).UTC()}
	if r.version == "" {
		if tag, err := git("describe", "--tags", "--exact-match", "--match", "v[0-9]*"); err == nil {
			r.version = tag
		} else {
			r.version = fmt.Sprintf("v0.0.0-%s-%s", r.date.Format("20060102150405"), commit[:12])
		}
	}
	if changed != "" {
		r.commit += "+dirty"
	}
	return r, nil
}

// flags are those of go build that make its output a function of the sources: no
// paths, and no more of the version control than we tell, which a source archive has too.
func (r *release) flags() []string {
	set := func(name, value string) string { return "-X main." + name + "=" + value }
	linker := []string{"-s", "-w", "-buildid=", set("version", r.version), set("commit", r.commit), set("date", r.date.Format(time.RFC3339))}
	return []string{"-trimpath", "-buildvcs=false", "-ldflags", strings.Join(linker, " ")}
}

// manual writes man page, completions and examples into dir, by the program itself.
func (r *release) manual(ctx context.Context, dir string) error {
	args := append([]string{"run"}, r.flags()...)
	_, err := command(ctx, r.source, []string{"CGO_ENABLED=0"}, "go", append(args, "./cmd/coapgw", "manual", dir)...)
	return err
}

// compile builds the program into a file.
func (r *release) compile(ctx context.Context, t target, file string) error {
	args := append(append([]string{"build", "-o", file}, r.flags()...), t.tags()...)
	_, err := command(ctx, r.source, t.environment(), "go", append(args, "./cmd/coapgw")...)
	return err
}

// build makes what a target has in out and returns the names of the files there.
// stage is a directory for the steps between; it is made.
func (r *release) build(ctx context.Context, t target, stage, manual, out string) ([]string, error) {
	if err := os.MkdirAll(stage, 0o755); err != nil {
		return nil, err
	}
	program := filepath.Join(stage, t.program())
	if err := r.compile(ctx, t, program); err != nil {
		return nil, err
	}
	archive, err := r.archive(t, program, manual, out)
	if err != nil || t.debian == "" {
		return []string{archive}, err
	}
	debian, err := r.debian(ctx, t, stage, manual, out)
	return []string{archive, debian}, err
}

// debian makes the Debian package and returns its name in out.
func (r *release) debian(ctx context.Context, t target, stage, manual, out string) (string, error) {
	page := filepath.Join(stage, "coapgw.1.gz")
	if err := compress(page, filepath.Join(manual, "coapgw.1")); err != nil {
		return "", err
	}
	name := fmt.Sprintf("coapgw_%s_%s.deb", strings.TrimPrefix(r.version, "v"), t.debian)
	env := []string{
		"VERSION=" + r.version, "ARCH=" + t.debian, "PROGRAM=" + filepath.Join(stage, t.program()), "MANUAL=" + manual, "PAGE=" + page,
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.date.Unix(), 10),
	}
	_, err := command(ctx, filepath.Join(r.source, "packaging"), env,
		"go", "tool", "nfpm", "package", "--config", "nfpm.yaml", "--packager", "deb", "--target", filepath.Join(out, name))
	return name, err
}

// command runs a program in a directory and returns its standard output.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}
