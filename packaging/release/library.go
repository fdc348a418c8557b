package main

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// library makes the packages of the C library in out, and returns their names there. They
// are for the machine that this runs on, whose C compiler builds them.
func (r *release) library(ctx context.Context, stage, out string) ([]string, error) {
	arch, err := command(ctx, r.source, nil, "dpkg", "--print-architecture")
	if err != nil {
		return nil, err
	}
	multiarch, err := command(ctx, r.source, nil, "gcc", "-print-multiarch")
	if err != nil {
		return nil, err
	}
	tree, libdir := filepath.Join(stage, "library"), "/usr/lib/"+strings.TrimSpace(multiarch)
	if _, err := command(ctx, filepath.Join(r.source, "clib"), []string{
		"DESTDIR=" + tree, "PREFIX=/usr", "LIBDIR=" + libdir, "VERSION=" + r.version, "TAGS=",
	}, "./build.sh"); err != nil {
		return nil, err
	}
	libc, err := neededLibc(filepath.Join(tree, libdir, "libcoapgw.so.1"))
	if err != nil {
		return nil, err
	}
	// As Debian sorts versions, and as nfpm writes them.
	debian := strings.Replace(strings.TrimPrefix(r.version, "v"), "-", "~", 1)
	env := []string{
		"VERSION=" + r.version, "ARCH=" + strings.TrimSpace(arch), "TREE=" + tree, "LIBDIR=" + libdir, "LIBC=" + libc, "DEBIAN_VERSION=" + debian,
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.date.Unix(), 10),
	}
	var made []string
	for _, name := range []string{"libcoapgw1", "libcoapgw-dev"} {
		file := fmt.Sprintf("%s_%s_%s.deb", name, strings.TrimPrefix(r.version, "v"), strings.TrimSpace(arch))
		_, err := command(ctx, filepath.Join(r.source, "packaging"), env,
			"go", "tool", "nfpm", "package", "--config", "nfpm-"+name+".yaml", "--packager", "deb", "--target", filepath.Join(out, file))
		if err != nil {
			return nil, err
		}
		made = append(made, file)
	}
	return made, nil
}

// neededLibc is the least version of glibc in which a shared library finds what it needs.
func neededLibc(file string) (string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	needs, err := f.DynamicVersionNeeds()
	if err != nil {
		return "", err
	}
	least := [2]int{}
	for _, need := range needs {
		for _, version := range need.Needs {
			var v [2]int
			if n, _ := fmt.Sscanf(version.Dep, "GLIBC_%d.%d", &v[0], &v[1]); n == 2 && (v[0] > least[0] || v[0] == least[0] && v[1] > least[1]) {
				least = v
			}
		}
	}
	if least[0] == 0 {
		return "", fmt.Errorf("%s needs no version of glibc: %w", file, os.ErrInvalid)
	}
	return fmt.Sprintf("%d.%d", least[0], least[1]), nil
}
