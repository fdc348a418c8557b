package idtable

import "fmt"

// word is an operation of a message: what the tables see of a text in it.
type word struct {
	inserted bool
	ref      int64
	// text is what it stands for. Of it the receiver sees only what is inserted.
	text string
	note any // that the sender finds at the reference
}

// message is what wire2 would put into a payload.
type message struct {
	state State
	words []word
	base  any // the note of the base in the server's table
	own   any // that of the base in the sender's own
	note  string
}

// texts draws those of a message: some are in all messages, some once in a while, and
// many are seen once.
func (w *simulation) texts(side string) []string {
	n := 1 + w.rng.IntN(6)
	texts := make([]string, 0, n)
	for range n {
		switch k := w.rng.IntN(10); {
		case k < 4:
			texts = append(texts, fmt.Sprint("all", side, w.rng.IntN(1+w.known/8)))
		case k < 6:
			texts = append(texts, fmt.Sprint("some", side, w.rng.IntN(w.known)))
		case k < 8: // that both ends use
			texts = append(texts, fmt.Sprint("both", w.rng.IntN(w.known)))
		default:
			texts = append(texts, fmt.Sprint("once", w.id()))
		}
	}
	return texts
}

// write makes a message of texts.
func (w *simulation) write(o *Outgoing, texts []string) message {
	m := message{base: o.BaseNote(), own: o.OwnNote(), note: fmt.Sprint("note", w.id())}
	for _, text := range texts {
		if ref, ok := o.Find([]byte(text)); ok && w.rng.IntN(50) > 0 {
			m.words = append(m.words, word{ref: ref, text: text, note: o.Note(ref)})
			w.counts.references++
			if o.Refresh([]byte(text), ref) {
				m.words[len(m.words)-1] = word{inserted: true, text: text}
			}
			continue
		}
		if o.Insert([]byte(text)) {
			m.words = append(m.words, word{inserted: true, text: text})
			w.counts.insertions++
			continue
		}
		w.counts.literals++
	}
	if w.rng.IntN(20) == 0 {
		skip := w.rng.IntN(8)
		o.Recent(func(ref int64, text string, note any) bool {
			if skip--; skip > 0 {
				return true
			}
			o.Lean()
			m.words = append(m.words, word{ref: ref, text: text, note: note})
			w.counts.references++
			return false
		})
	}
	m.state = o.Commit(m.note)
	return m
}

// read reads a message and reports what of it is not as it was written.
func (w *simulation) read(in *Incoming, m message) error {
	if note := in.BaseNote(); note != m.base {
		return fmt.Errorf("the note of the base is %v and was %v", note, m.base)
	}
	for i, word := range m.words {
		if word.inserted {
			if err := in.Inserted([]byte(word.text)); err != nil {
				return fmt.Errorf("word %d: %w", i, err)
			}
			continue
		}
		text, ok := in.Resolve(word.ref)
		switch {
		case !ok:
			return fmt.Errorf("word %d, %q at %d: %w", i, word.text, word.ref, errMissing)
		case text != word.text:
			return fmt.Errorf("word %d is %q and was %q", i, text, word.text)
		case in.Note(word.ref) != word.note:
			return fmt.Errorf("word %d: note %v was %v", i, in.Note(word.ref), word.note)
		}
	}
	return in.Commit(m.note)
}
