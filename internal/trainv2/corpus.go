package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coapgw/coapgw/cborcodec/coder/train"
	"github.com/coapgw/coapgw/internal/measure"
)

// heldOut are the recordings that no model has seen: other users, rooms and texts than
// those of the training.
var heldOut = []string{"bs0", "bs1", "bs2", "bs3", "bd0", "bd1", "bd2", "bd3"}

// split returns the recordings in a directory to learn from and those held out, by
// path, in order.
func split(dir string) (training, held []string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, nil, err
	}
	for _, f := range files {
		if slices.Contains(heldOut, strings.TrimSuffix(filepath.Base(f), ".jsonl")) {
			held = append(held, f)
		} else {
			training = append(training, f)
		}
	}
	return training, held, nil
}

// parts is how many groups the exchanges of one recording fall into, by time. Sessions
// that were recorded together see the same texts at the same time, so their parts of
// one time are one group.
const parts = 8

// trainingMessages reads the recordings to learn from. Each part of each recording gets
// names of its own.
func trainingMessages(files []string) ([]train.Message, error) {
	v1 := newVersion1()
	var all []train.Message
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		for i, line := range lines {
			group := i * parts / len(lines)
			line = variation{fmt.Sprint(filepath.Base(f), group)}.apply(line)
			err := eachMessage(v1, []byte(line), func(m message) {
				all = append(all, train.Message{Group: group, Prelude: m.prelude, Payload: m.payload})
			})
			if err != nil {
				return nil, fmt.Errorf("%s: line %d: %w", f, i+1, err)
			}
		}
	}
	return all, nil
}

// messages reads recordings as they are.
func messages(files []string) ([]message, error) {
	v1 := newVersion1()
	var all []message
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		if err := eachMessage(v1, b, func(m message) { all = append(all, m) }); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
	}
	return all, nil
}

// eachMessage calls f for each message of a recording that has a payload.
func eachMessage(v1 version1, recording []byte, f func(message)) error {
	return measure.EachLine(bytes.NewReader(recording), func(e measure.Entry) error {
		up, down, err := v1.messages(e)
		if err != nil {
			return err
		}
		for _, m := range []message{up, down} {
			if len(m.payload) > 0 {
				f(m)
			}
		}
		return nil
	})
}
