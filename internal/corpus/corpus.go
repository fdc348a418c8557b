// Package corpus is the traffic that tables and models are made from, and the traffic that
// they are measured on: recordings of real clients in front of a real homeserver, and the
// made traffic of package traffic. What is held out are whole homeservers, by name.
package corpus

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coapgw/coapgw/internal/measure"
	"github.com/coapgw/coapgw/internal/traffic"
)

// Session is what one client did, in order.
type Session struct {
	// Name is unique, Server the name of the homeserver.
	Name, Server string
	Entries      []measure.Entry
	// File is where the recording is, "" for made traffic.
	File string
}

// RecordedServer is the homeserver of the recordings in the folder sessions.
const RecordedServer = "chat.nordlicht-verein.org"

// HeldOutServers are the names of the homeservers that nothing is made from. root is the
// root of the repository.
func HeldOutServers(root string) ([]string, error) {
	names, err := recordedHeldOut(root)
	for _, s := range traffic.Servers() {
		if s.HeldOut {
			names = append(names, s.Name)
		}
	}
	return names, err
}

// folder has the recordings: those of RecordedServer in sessions, and recorded with a folder
// for each other homeserver. heldOutList names those that are held out, one a line.
const (
	folder      = "testdata/corpus"
	heldOutList = folder + "/heldout.txt"
)

func recordedHeldOut(root string) ([]string, error) {
	b, err := os.ReadFile(filepath.Join(root, heldOutList))
	return strings.Fields(string(b)), err
}

// Training calls f with every session to learn from, in an order that never changes.
func Training(root string, f func(Session) error) error { return each(root, false, f) }

// HeldOut calls f with every session of a homeserver that is held out.
func HeldOut(root string, f func(Session) error) error { return each(root, true, f) }

// Talks calls f with every session in which people say what a model may learn of how they write,
// in an order that never changes. There is no more to learn from them.
func Talks(f func(Session) error) error {
	for _, s := range traffic.Talks() {
		if err := f(Session{Name: s.Name, Server: s.Server, Entries: s.Entries}); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

func each(root string, heldOut bool, f func(Session) error) error {
	if err := recorded(root, heldOut, f); err != nil {
		return err
	}
	for _, server := range traffic.Servers() {
		if server.HeldOut != heldOut {
			continue
		}
		for _, s := range traffic.Sessions(server) {
			if err := f(Session{Name: s.Name, Server: s.Server, Entries: s.Entries}); err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
		}
	}
	return nil
}

// recorded calls f with the recordings.
func recorded(root string, heldOut bool, f func(Session) error) error {
	held, err := recordedHeldOut(root)
	if err != nil {
		return err
	}
	var files []string
	for _, pattern := range []string{"sessions/*.jsonl", "recorded/*/*.jsonl"} {
		some, err := filepath.Glob(filepath.Join(root, folder, pattern))
		if err != nil {
			return err
		}
		files = append(files, some...)
	}
	for _, file := range files {
		server := RecordedServer
		if dir := filepath.Base(filepath.Dir(file)); dir != "sessions" {
			server = dir
		}
		if slices.Contains(held, server) != heldOut {
			continue
		}
		s := Session{Name: server + "/" + strings.TrimSuffix(filepath.Base(file), ".jsonl"), Server: server, File: file}
		if s.Entries, err = read(file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := f(s); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func read(file string) (entries []measure.Entry, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	err = measure.EachLine(bytes.NewReader(b), func(e measure.Entry) error {
		entries = append(entries, e)
		return nil
	})
	return entries, err
}
