package mixing

// Observer collects how often each bit history, and each level of the match, was
// followed by a 1 or was right.
type Observer struct {
	Bits  [Contexts][Histories]Counts
	Match [matchLevels]Counts
}

// Add adds what other saw.
func (o *Observer) Add(other *Observer) {
	for i := range o.Bits {
		for h := range o.Bits[i] {
			for bit := range 2 {
				o.Bits[i][h][bit] += other.Bits[i][h][bit]
			}
		}
	}
	for i := range o.Match {
		for right := range 2 {
			o.Match[i][right] += other.Match[i][right]
		}
	}
}

// Observe codes a message and reports to o.
func (p *Predictor) Observe(prelude, message []byte, o *Observer) {
	p.Reset(prelude)
	for _, b := range stream(message) {
		for i := 7; i >= 0; i-- {
			bit := int(b>>i) & 1
			if p.opaque {
				p.Update(bit)
				continue
			}
			for j, at := range &p.at {
				o.Bits[j][at[p.half]][bit]++
			}
			if p.matching {
				right := 0
				if (p.inputs[inputMatch] > 0) == (bit == 1) {
					right = 1
				}
				o.Match[p.match.level()][right]++
			}
			p.Update(bit)
		}
	}
}

// stream is what is coded for a message that delimits itself. Another one counts as the
// beginning of one.
func stream(message []byte) []byte {
	s := append([]byte{0}, message...)
	if new(structure).delimits(message) {
		s = append(s, end)
	}
	return s
}

// Fit makes the logits those that o saw, where it saw enough.
func (m *Model) Fit(o *Observer) {
	for i := range m.Logits {
		for h, c := range m.histories.counts {
			// Two bits' worth of what the history says by itself.
			p := int64(m.logistic.prob(m.LogitOf(c)))
			n0, n1 := int64(o.Bits[i][h][0]), int64(o.Bits[i][h][1])
			m.Logits[i][h] = int16(m.logistic.Logit(int32((n1<<probBits + 2*p) / (n0 + n1 + 2))))
		}
	}
	for i, c := range o.Match {
		n0, n1 := int64(c[0])*5+2, int64(c[1])*5+2
		m.MatchLogits[i] = int16(max(m.logistic.Logit(int32(n1<<probBits/(n0+n1))), 0))
	}
}

// Learn codes a message and keeps what the mixers learned at the given rates.
func (p *Predictor) Learn(prelude, message []byte, rates Rates) {
	old := p.rates
	p.rates = rates
	p.Reset(prelude)
	for _, b := range stream(message) {
		for i := 7; i >= 0; i-- {
			p.Update(int(b>>i) & 1)
		}
	}
	p.model.Mixers = p.mixers
	p.rates = old
}

// Share makes m take all but the slots and the dictionary from other.
func (m *Model) Share(other *Model) {
	m.Logits, m.MatchLogits, m.Mixers = other.Logits, other.MatchLogits, other.Mixers
}
