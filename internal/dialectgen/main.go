// Command dialectgen writes the tables of the dialect, package cborcodec/dialect: the
// vocabulary of this directory, in the order of how much each entry saves in the training
// traffic of package corpus. It is run in the root of the repository; from the same input
// it makes the same tables.
//
// New tables are another dialect to the peer: their identity changes, and a session
// with a peer that has the old ones falls back.
package main

import (
	"flag"
	"log"
	"os"

	"github.com/coapgw/coapgw/internal/corpus"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "cborcodec/dialect/tables.go", "the Go file to write")
	flag.Parse()
	source, err := generate(".")
	if err == nil {
		err = os.WriteFile(*out, source, 0o644)
	}
	if err != nil {
		log.Fatal("dialectgen: ", err)
	}
}

// generate returns the tables for the training traffic of a repository.
func generate(root string) (source []byte, err error) {
	v, err := readVocabulary()
	if err != nil {
		return nil, err
	}
	c := newCensus(v)
	err = corpus.Training(root, func(s corpus.Session) error {
		c.add(s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.tables().source()
}
