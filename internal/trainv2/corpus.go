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
	"github.com/coapgw/coapgw/internal/traffic"
)

// heldOut are the recordings that no model has seen: other users, rooms and texts than
// those of the training. Of the made traffic whole servers are held out.
var heldOut = []string{"bs0", "bs1", "bs2", "bs3", "bd0", "bd1", "bd2", "bd3"}

// recordedServer is the home server of the recordings.
const recordedServer = "chat.nordlicht-verein.org"

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

// trainingMessages makes the messages to learn from: those of made traffic, and of
// recordings.
func trainingMessages(files []string) ([]train.Message, error) {
	c, err := newCapture()
	if err != nil {
		return nil, err
	}
	var all []train.Message
	sources := parts
	for group, s := range traffic.Servers() {
		if s.HeldOut {
			continue
		}
		for _, made := range traffic.Sessions(s) {
			messages, err := c.made(s, made, sources%2 == 0)
			if err != nil {
				return nil, err
			}
			all = append(all, learnable(messages, group, sources)...)
			sources++
		}
	}
	for _, f := range files {
		recorded, err := c.varied(f)
		if err != nil {
			return nil, err
		}
		for part, messages := range recorded {
			// Sessions that were recorded together see the same texts at the same time.
			all = append(all, learnable(messages, part, part)...)
		}
	}
	return all, nil
}

// Long messages say the same again and again: of those above sparse bytes one in each
// sparseEach is learned from.
const (
	sparse     = 600
	sparseEach = 3
)

// learnable are those messages of a session that a model learns from.
func learnable(messages []message, group, source int) []train.Message {
	var all []train.Message
	for i, m := range messages {
		if len(m.payload) < sparse || i%sparseEach == 0 {
			all = append(all, train.Message{Group: group, Source: source, Prelude: m.prelude, Payload: m.payload})
		}
	}
	return all
}

// made makes the messages of a session of made traffic.
func (c *capture) made(s traffic.Server, made traffic.Session, push bool) ([]message, error) {
	var all []message
	session := c.session(s.Name, push, &all)
	for _, e := range made.Entries {
		if err := session.add(e); err != nil {
			return nil, fmt.Errorf("%s: %w", made.Name, err)
		}
	}
	return all, nil
}

// parts is how many sessions a recording is cut into, by time. Each has names of its own.
const parts = 8

// varied makes the messages of the parts of a recording.
func (c *capture) varied(file string) ([][]message, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	all := make([][]message, parts)
	for part := range all {
		v := variation{fmt.Sprint(filepath.Base(file), part)}
		session := c.session(v.home(), part%2 == 0, &all[part])
		for _, line := range lines[part*len(lines)/parts : (part+1)*len(lines)/parts] {
			err := measure.EachLine(strings.NewReader(v.apply(line)), session.add)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return all, nil
}

// heldMessages makes the messages that no model has seen, in which each session asks for
// what is new, or is told.
func heldMessages(files []string, push bool) ([]message, error) {
	c, err := newCapture()
	if err != nil {
		return nil, err
	}
	var all []message
	for _, s := range traffic.Servers() {
		if !s.HeldOut {
			continue
		}
		for _, made := range traffic.Sessions(s) {
			messages, err := c.made(s, made, push)
			if err != nil {
				return nil, err
			}
			all = append(all, messages...)
		}
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		session := c.session(recordedServer, push, &all)
		if err := measure.EachLine(bytes.NewReader(b), session.add); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
	}
	return all, nil
}
