// Package mixing is the arithmetic of coder.Mixing: what the next bit is likely to be, by
// several contexts of the bits before and the last place that looked alike, mixed; and the
// coding of bits by that. All of it is whole numbers, so that both ends come to the same
// (docs/wire-v2-coder.md). Package coder decides what goes through it, and train makes its
// Model.
package mixing

// Model is what both sides know before the first message. It is immutable once
// predictors use it.
type Model struct {
	// Dictionary is text that messages quote, the most useful last.
	Dictionary []byte
	// Slots are the bit histories of known contexts.
	Slots *table
	// Logits say, for each context and bit history, the log-odds of a 1.
	Logits [Contexts][256]int16
	// MatchLogits say how sure each level of the match is.
	MatchLogits [matchLevels]int16
	Mixers      Mixers

	logistic        *logistic
	histories       *histories
	dictionaryIndex *dictionaryIndex
}

// NewModel returns a model that knows the dictionary and nothing else.
func NewModel(dictionary []byte) *Model {
	m := &Model{
		Dictionary: dictionary, Slots: new(table), Mixers: evenMixers(),
		logistic: newLogistic(), histories: newHistories(), dictionaryIndex: newDictionaryIndex(dictionary),
	}
	for i := range m.Logits {
		for h, c := range m.histories.counts {
			m.Logits[i][h] = int16(m.LogitOf(c))
		}
	}
	for i := range m.MatchLogits {
		m.MatchLogits[i] = int16(300 + 80*i)
	}
	return m
}

// LogitOf is the log-odds of a 1 after c bits of each kind.
func (m *Model) LogitOf(c Counts) int32 {
	n0, n1 := int64(c[0])*5+2, int64(c[1])*5+2
	return m.logistic.Logit(int32(n1 << probBits / (n0 + n1)))
}
