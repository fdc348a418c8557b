package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// entry is a file of an archive.
type entry struct {
	name, from string
	mode       fs.FileMode
}

// entries are the files of a target's archive, in their order.
func (r *release) entries(t target, program, manual string) ([]entry, error) {
	all := []entry{{t.program(), program, 0o755}}
	for _, name := range []string{"CHANGELOG.md", "LICENSE", "README.md"} {
		all = append(all, entry{name, filepath.Join(r.source, name), 0o644})
	}
	if t.small { // routers have no man
		return append(all, entry{"coapgw-connect.init", filepath.Join(r.source, "packaging/openwrt/coapgw-connect.init"), 0o755}), nil
	}
	made, err := os.ReadDir(manual)
	if err != nil {
		return nil, err
	}
	for _, m := range made {
		all = append(all, entry{"manual/" + m.Name(), filepath.Join(manual, m.Name()), 0o644})
	}
	return all, nil
}

// archive packs a target's files, as zip for windows and tar.gz for others, and
// returns the archive's name in out.
func (r *release) archive(t target, program, manual, out string) (string, error) {
	entries, err := r.entries(t, program, manual)
	if err != nil {
		return "", err
	}
	top := fmt.Sprintf("coapgw-%s-%s", strings.TrimPrefix(r.version, "v"), t.name())
	var b bytes.Buffer
	name, pack := top+".tar.gz", r.tar
	if t.os == "windows" {
		name, pack = top+".zip", r.zip
	}
	if err := pack(&b, top, entries); err != nil {
		return "", err
	}
	return name, os.WriteFile(filepath.Join(out, name), b.Bytes(), 0o644)
}

// tar writes entries under the directory top. No owner and no name of one gets in.
func (r *release) tar(b *bytes.Buffer, top string, entries []entry) error {
	packed := gzip.NewWriter(b)
	w := tar.NewWriter(packed)
	for _, e := range entries {
		data, err := os.ReadFile(e.from)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: path.Join(top, e.name), Mode: int64(e.mode), Size: int64(len(data)), ModTime: r.date, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return packed.Close()
}

// zip writes entries under the directory top.
func (r *release) zip(b *bytes.Buffer, top string, entries []entry) error {
	w := zip.NewWriter(b)
	for _, e := range entries {
		data, err := os.ReadFile(e.from)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: path.Join(top, e.name), Method: zip.Deflate, Modified: r.date}
		header.SetMode(e.mode)
		f, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := f.Write(data); err != nil {
			return err
		}
	}
	return w.Close()
}

// compress writes a file with gzip, without a time and a name.
func compress(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}

// writeSums writes SHA256SUMS as sha256sum -c reads it.
func writeSums(out string, names []string) error {
	var b strings.Builder
	for _, name := range slices.Sorted(slices.Values(names)) {
		data, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), name)
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(b.String()), 0o644)
}
