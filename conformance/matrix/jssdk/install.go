// Package jssdk runs matrix-js-sdk, the client in JavaScript that most people's
// clients are made of, as a program under node: conformance/jssdk/client.mjs with the
// packages that its lock file names.
package jssdk

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// script is the program, manifest and lockFile what it needs.
const (
	script   = "client.mjs"
	manifest = "package.json"
	lockFile = "package-lock.json"
)

// Install puts the program of the directory source and its packages below cache and
// returns where. The packages are fetched once for each lock file: a directory with a
// lock file's hash in its name is complete. Test processes may install side by side.
func Install(ctx context.Context, source, cache string) (dir string, err error) {
	dir, err = install(ctx, source, cache)
	if err != nil {
		return "", fmt.Errorf("install matrix-js-sdk: %w", err)
	}
	return dir, nil
}

func install(ctx context.Context, source, cache string) (string, error) {
	lock, err := os.ReadFile(filepath.Join(source, lockFile))
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, fmt.Sprintf("jssdk-%x", sha256.Sum256(lock))[:len("jssdk-")+16])
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		err = fetch(ctx, source, cache, dir)
		if err != nil {
			return "", err
		}
	}
	// The program itself has no part in the hash: it is always the present one, and must
	// be beside its packages to find them.
	text, err := os.ReadFile(filepath.Join(source, script))
	if err != nil {
		return "", err
	}
	return dir, replaceFile(filepath.Join(dir, script), text)
}

// fetch makes the directory to with the packages in it, or leaves nothing.
func fetch(ctx context.Context, source, cache, to string) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(cache, "jssdk-new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary) // nothing once it was renamed
	for _, name := range []string{manifest, lockFile} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(temporary, name), text, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = temporary
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, text)
	}
	err = os.Rename(temporary, to)
	if _, missing := os.Stat(to); missing == nil {
		return nil // it is there, if from another process
	}
	return err
}

// replaceFile writes a file that others may be reading.
func replaceFile(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), script+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), name)
}
