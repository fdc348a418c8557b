// Command dialectgen writes the tables of the dialect, package cborcodec/dialect:
// the vocabulary of this directory, in the order of how much each entry saves in
// recorded traffic. From the same input it makes the same tables.
//
// New tables are another dialect to the peer: their identity changes, and a session
// with a peer that has the old ones falls back.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
	"regexp"
)

// heldOut are the sessions that are left out, to measure on: the file names that begin
// with b, recorded with other users in other rooms.
const heldOut = "^b"

func main() {
	log.SetFlags(0)
	sessions := flag.String("sessions", "testdata/corpus/sessions", "directory of recorded sessions, JSON lines")
	held := flag.String("held", heldOut, "sessions to leave out, a regular expression over file names")
	out := flag.String("out", "cborcodec/dialect/tables.go", "the Go file to write")
	flag.Parse()
	if err := run(*sessions, *held, *out); err != nil {
		log.Fatal("dialectgen: ", err)
	}
}

func run(sessions, held, out string) error {
	leave, err := regexp.Compile(held)
	if err != nil {
		return err
	}
	v, err := readVocabulary()
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(sessions, "*.jsonl"))
	if err != nil {
		return err
	}
	c := newCensus(v)
	for _, file := range files {
		if leave.MatchString(filepath.Base(file)) {
			continue
		}
		if err := c.addFile(file); err != nil {
			return err
		}
	}
	source, err := c.tables().source()
	if err != nil {
		return err
	}
	return os.WriteFile(out, source, 0o644)
}
