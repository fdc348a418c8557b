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
	"slices"
	"strings"
)

// heldOut are the sessions that are left out, to measure on: those of other users in
// other rooms, later.
var heldOut = []string{"bd0", "bd1", "bd2", "bd3", "bs0", "bs1", "bs2", "bs3"}

func main() {
	log.SetFlags(0)
	sessions := flag.String("sessions", "testdata/corpus/sessions", "directory of recorded sessions, JSON lines")
	out := flag.String("out", "cborcodec/dialect/tables.go", "the Go file to write")
	flag.Parse()
	source, err := generate(*sessions)
	if err == nil {
		err = os.WriteFile(*out, source, 0o644)
	}
	if err != nil {
		log.Fatal("dialectgen: ", err)
	}
}

// generate returns the tables for the traffic in a directory.
func generate(sessions string) (source []byte, err error) {
	v, err := readVocabulary()
	if err != nil {
		return nil, err
	}
	files, err := training(sessions)
	if err != nil {
		return nil, err
	}
	c := newCensus(v)
	for _, file := range files {
		if err := c.addFile(file); err != nil {
			return nil, err
		}
	}
	return c.tables().source()
}

// training returns the files of the sessions that are counted, in order.
func training(sessions string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(sessions, "*.jsonl"))
	return slices.DeleteFunc(files, isHeldOut), err
}

func isHeldOut(file string) bool {
	return slices.Contains(heldOut, strings.TrimSuffix(filepath.Base(file), ".jsonl"))
}
