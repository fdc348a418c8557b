package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/coapgw/coapgw/cborcodec/coder/train"
	"github.com/coapgw/coapgw/internal/corpus"
	"github.com/coapgw/coapgw/internal/measure"
)

// trainingMessages makes the messages to learn from: those of the training traffic of
// package corpus. root is the root of the repository.
func trainingMessages(root string) ([]train.Message, error) {
	c, err := newCapture()
	if err != nil {
		return nil, err
	}
	var all []train.Message
	groups := map[string]int{}
	sources := parts
	err = corpus.Training(root, func(s corpus.Session) error {
		if s.Server == corpus.RecordedServer {
			recorded, err := c.varied(s.File)
			for part, messages := range recorded {
				// Sessions that were recorded together see the same texts at the same time.
				all = append(all, learnable(messages, part, part)...)
			}
			return err
		}
		if _, ok := groups[s.Server]; !ok {
			groups[s.Server] = len(groups)
		}
		messages, err := c.whole(s, sources%2 == 0)
		all = append(all, learnable(messages, groups[s.Server], sources)...)
		sources++
		return err
	})
	if err != nil {
		return nil, err
	}
	group := len(groups)
	err = corpus.Talks(func(s corpus.Session) error {
		messages, err := c.said(s)
		for i, m := range messages {
			// Each is of somebody else: what two of them have in common is the language.
			all = append(all, train.Message{Group: group, Source: sources + i, Said: true, Prelude: m.prelude, Payload: m.payload})
		}
		sources += len(messages)
		group++
		return err
	})
	return all, err
}

// said makes the requests of a session.
func (c *capture) said(s corpus.Session) ([]message, error) {
	var all, requests []message
	session := c.session(s.Server, false, &all)
	for _, e := range s.Entries {
		all = all[:0]
		if err := session.add(e); err != nil {
			return nil, err
		}
		requests = append(requests, all[0])
	}
	return requests, nil
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

// whole makes the messages of a session.
func (c *capture) whole(s corpus.Session, push bool) ([]message, error) {
	var all []message
	session := c.session(measure.HomeOf(s.Entries), push, &all)
	for _, e := range s.Entries {
		if err := session.add(e); err != nil {
			return nil, err
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
func heldMessages(root string, push bool) ([]message, error) {
	c, err := newCapture()
	if err != nil {
		return nil, err
	}
	var all []message
	err = corpus.HeldOut(root, func(s corpus.Session) error {
		messages, err := c.whole(s, push)
		all = append(all, messages...)
		return err
	})
	return all, err
}
