// Package train makes the model of package coder out of recorded messages.
package train

import (
	"bytes"
	"compress/flate"
	"slices"
	"sync"

	"github.com/coapgw/coapgw/cborcodec/coder/internal/mixing"
)

// Message is a message to learn from.
type Message struct {
	// Group names what messages have in common: a server and its users. How far what
	// is known can be trusted is learned in other groups than those that it is from.
	Group int
	// Source names what messages have in common more closely: a session. Only what
	// occurs in two sources at least is learned.
	Source int
	// Said marks what shows how people write, and in more messages than there are of any other
	// kind: the dictionary quotes none of it, and mixers learn from one in saidEach.
	Said bool
	// Prelude is what both sides know before the message.
	Prelude []byte
	// Payload is the message.
	Payload []byte
}

// Train makes a model of messages, packed as coder.Load takes it. It is a pure function:
// the same messages in the same order make the same model.
func Train(messages []Message) ([]byte, error) {
	dictionary := Dictionary(slices.DeleteFunc(slices.Clone(messages), func(m Message) bool { return m.Said }), dictionarySize)
	m := fit(clip(messages), dictionary)
	return pack(m.Append(nil))
}

// fit makes the tables. How far a known context can be trusted is learned from messages
// that the context was not learned from: those of groups with an even number teach what
// to make of the contexts of those with an odd one, and the other way round.
func fit(messages []Message, dictionary []byte) *mixing.Model {
	var halves [2][]Message
	for _, m := range shuffled(messages) {
		halves[m.Group&1] = append(halves[m.Group&1], m)
	}
	var primed [2]*mixing.Model
	m, final := mixing.NewModel(dictionary), mixing.NewModel(dictionary)
	var observers [2]mixing.Observer
	var all sync.WaitGroup
	for i := range primed {
		primed[i] = mixing.NewModel(dictionary)
		all.Go(func() {
			prime(primed[i], halves[1-i])
			predictor := mixing.NewPredictor(primed[i])
			for _, message := range lessSaid(halves[i]) {
				predictor.Observe(message.Prelude, beginning(message.Payload), &observers[i])
			}
		})
	}
	all.Wait()
	observers[0].Add(&observers[1])
	m.Fit(&observers[0])
	all.Go(func() { prime(final, messages) })
	for _, rates := range learning {
		for i, p := range primed {
			p.Share(m)
			predictor := mixing.NewPredictor(p)
			for _, message := range lessSaid(halves[i]) {
				predictor.Learn(message.Prelude, beginning(message.Payload), rates)
			}
			m.Share(p)
		}
	}
	all.Wait()
	final.Share(m)
	return final
}

// saidEach is how many messages of those that are Said there are for one that mixers learn from.
const saidEach = 4

// lessSaid leaves out all but one in saidEach of those that are Said.
func lessSaid(messages []Message) []Message {
	var less []Message
	said := 0
	for _, m := range messages {
		if m.Said {
			said++
		}
		if !m.Said || said%saidEach == 0 {
			less = append(less, m)
		}
	}
	return less
}

// shuffled returns messages in an order in which those of one group are far apart, so
// that no mixer ends with what is special to the last.
func shuffled(messages []Message) []Message {
	all := slices.Clone(messages)
	x := uint32(1)
	for i := len(all) - 1; i > 0; i-- {
		x = x*1664525 + 1013904223
		j := int(uint64(x) * uint64(i+1) >> 32)
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// pack compresses a model.
func pack(model []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(model); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// learning are the rates of the mixers, pass by pass.
var learning = []mixing.Rates{{First: 160, Final: 64}, {First: 64, Final: 32}, {First: 24, Final: 24}, {First: 8, Final: 8}}

// beginning is what of a payload the mixers learn from: the model is how a message begins,
// and later they have learned from the message itself.
func beginning(payload []byte) []byte { return payload[:min(len(payload), 300)] }

// maxLearned is how much of a long message is learned, in bytes: short ones matter.
const maxLearned = 3 << 9

func clip(messages []Message) []Message {
	var clipped []Message
	for _, m := range messages {
		m.Payload = m.Payload[:min(len(m.Payload), maxLearned)]
		if len(m.Payload) > 0 {
			clipped = append(clipped, m)
		}
	}
	return clipped
}
