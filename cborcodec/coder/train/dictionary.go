package train

import (
	"cmp"
	"slices"
)

// dictionarySize is the window of deflate (RFC 1951 §2): what is farther back cannot
// be quoted.
const dictionarySize = 32 << 10

const (
	// gram is the length of the strings that are counted: longer than those that
	// recur by chance.
	gram = 6
	// segment is the length of the pieces that make up the dictionary.
	segment = 48
)

// piece is a part of the dictionary, and how much it saves.
type piece struct {
	text  []byte
	score int
}

// Dictionary picks the pieces of messages whose strings occur in the most messages, of
// two groups at least. Each stretch of the messages yields its best piece; a string
// counts once. The best come last, since near quotes are cheaper.
func Dictionary(messages []Message, size int) []byte {
	counts := countGrams(messages)
	var all []byte
	for _, m := range messages {
		all = append(all, m.Payload...)
	}
	var pieces []piece
	stretch := max(len(all)/(size/segment), segment)
	for begin := 0; begin+segment <= len(all); begin += stretch {
		p := best(all[begin:min(begin+stretch, len(all))], counts)
		if p.score == 0 {
			continue
		}
		pieces = append(pieces, p)
		for i := 0; i+gram <= len(p.text); i++ {
			delete(counts, string(p.text[i:i+gram]))
		}
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(a.score, b.score) })
	var dictionary []byte
	for _, p := range pieces {
		dictionary = append(dictionary, p.text...)
	}
	return dictionary[max(len(dictionary)-size, 0):]
}

// countGrams counts in how many messages strings of gram bytes occur, and leaves out
// those of one group.
func countGrams(messages []Message) map[string]int {
	type use struct {
		last, messages, source int
		several                bool
	}
	uses := make(map[string]use)
	for n, m := range messages {
		for i := 0; i+gram <= len(m.Payload); i++ {
			u := uses[string(m.Payload[i:i+gram])]
			if u.last == n+1 {
				continue
			}
			several := u.several || u.messages > 0 && u.source != m.Source
			uses[string(m.Payload[i:i+gram])] = use{n + 1, u.messages + 1, m.Source, several}
		}
	}
	counts := make(map[string]int)
	for s, u := range uses {
		if u.several {
			counts[s] = u.messages
		}
	}
	return counts
}

// best is the piece of text with the highest sum of counts, without what it does not
// need at both ends.
func best(text []byte, counts map[string]int) piece {
	var p piece
	for begin := 0; begin < len(text); begin++ {
		end := min(begin+segment, len(text))
		score, last := 0, begin
		seen := make(map[string]bool, segment)
		for i := begin; i+gram <= end; i++ {
			s := string(text[i : i+gram])
			if c := counts[s]; c > 0 && !seen[s] {
				seen[s] = true
				score += c
				last = i + gram
			}
		}
		if score > p.score && counts[string(text[begin:min(begin+gram, end)])] > 0 {
			p = piece{text[begin:last], score}
		}
	}
	return p
}
