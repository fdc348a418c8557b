package mixing

// Rates are how fast mixers learn, in units of 1/2^18 of input times error. They are 160
// at most: more overflows.
type Rates struct {
	First, Final int32
}

// Predictor foretells the bits of one message after the other. It is scratch memory:
// it holds nothing of a message once the next has begun.
type Predictor struct {
	model *Model
	rates Rates

	// slots are those of the model and what the message made of them: a copy, of which
	// touched may have changed, or the model's own, which undo takes back.
	slots   *table
	touched []uint32
	undo    *undo
	mixers  Mixers

	contexts contexts
	match    matcher
	message  []byte
	length   []byte
	// scan looks ahead.
	scan structure

	// partial is 1 followed by the known bits of the byte, half the same of the
	// half byte.
	partial, half uint32
	// left is how many bits of the byte are unknown.
	left uint32
	// opaque says that nothing foretells the byte.
	opaque bool
	// at is the slot of each context, known how many of the orders had theirs before.
	at    [Contexts]*slot
	known int
	// fetched keeps the reads that only fill the cache.
	fetched byte

	// matching says that the match foretells the next bit; inputs, the selected
	// weights and their logits lead to prob.
	matching bool
	inputs   [inputs]int32
	selected [sets]int
	logits   [sets]int32
	prob     int32
}

// NewPredictor returns a Predictor of m.
func NewPredictor(m *Model) *Predictor {
	p := &Predictor{
		model: m, rates: Rates{First: 32, Final: 16},
		slots: new(table), touched: make([]uint32, 0, maxTouched),
	}
	*p.slots = *m.Slots
	return p
}

// NewOnlyPredictor returns a Predictor that works in the slots of m itself, which saves the
// copy, of 2 MB. Nobody else may use m but between End and the next Reset.
func NewOnlyPredictor(m *Model) *Predictor {
	return &Predictor{model: m, rates: Rates{First: 32, Final: 16}, slots: m.Slots, undo: newUndo()}
}

// End takes back what the message changed in the model.
func (p *Predictor) End() {
	if p.undo != nil {
		p.undo.restore(p.slots)
	}
}

// maxTouched is how many slots are restored one by one; beyond it all are.
const maxTouched = 1 << 14

// Reset forgets the message and begins one after prelude.
func (p *Predictor) Reset(prelude []byte) {
	if p.undo != nil {
		p.undo.restore(p.slots)
	} else if len(p.touched) == maxTouched {
		*p.slots = *p.model.Slots
	} else {
		for _, n := range p.touched {
			p.slots[n&(Slots-1)] = p.model.Slots[n&(Slots-1)]
		}
	}
	p.touched = p.touched[:0]
	p.mixers = p.model.Mixers
	p.message = p.message[:0]
	p.match.reset()
	p.contexts.reset(prelude)
	p.beginByte()
}

func (p *Predictor) beginByte() {
	p.partial, p.left = 1, 8
	p.opaque = p.contexts.opaque(&p.match)
	if p.opaque {
		p.prob = 1 << (probBits - 1)
		return
	}
	p.contexts.compute(p.match.expected | uint32(p.match.level())<<8)
	p.beginHalf()
	p.predict()
}

// beginHalf looks up the slots of all contexts.
func (p *Predictor) beginHalf() {
	p.half = 1
	p.known = 0
	// The slots are all over the memory: touching them first lets the processor
	// fetch them at the same time.
	var hashes [Contexts]uint32
	for i, h := range p.contexts.hashes {
		hashes[i] = nibbleHash(h, p.partial)
		home, _ := home(hashes[i])
		p.fetched |= p.slots[home&(Slots-1)][0]
	}
	touched := p.touched
	for i, h := range hashes {
		n, check, fresh := p.model.histories.find(p.slots, h)
		s := &p.slots[n&(Slots-1)]
		p.at[i] = s
		if p.undo != nil {
			p.undo.save(n, s)
		} else if len(touched) < maxTouched {
			touched = append(touched, n)
		}
		if fresh {
			*s = slot{check}
		} else if i < ordered {
			p.known++
		}
	}
	p.touched = touched
}

// predict computes prob.
func (p *Predictor) predict() {
	logits, node := &p.model.Logits, p.half&(slotSize-1)
	for i, s := range &p.at {
		p.inputs[i] = int32(logits[i][s[node]])
	}
	p.inputs[inputMatch] = 0
	level := 0
	p.matching = p.match.length > 0 && (p.match.expected|0x100)>>p.left == p.partial
	if p.matching {
		level = p.match.level()
		x := int32(p.model.MatchLogits[level])
		if p.match.expected>>(p.left-1)&1 == 0 {
			x = -x
		}
		p.inputs[inputMatch] = x
	}
	p.inputs[inputBias] = biasLogit

	s := &p.contexts.structure
	p.selected = [sets]int{
		int(s.kind)*8 + int(8-p.left),
		structureSelections + level*8 + p.known,
		structureSelections + matchSelections + int(s.field>>26),
	}
	var sum int64
	final := &p.mixers.Final[s.kind]
	for i, sel := range p.selected {
		p.logits[i] = p.mixers.First[sel].dot(&p.inputs)
		sum += int64(p.logits[i]) * int64(final[i])
	}
	p.prob = p.model.logistic.prob(clampLogit(sum >> 16))
}

// Prob is the probability that the next bit is 1, in 1..65535 of 65536.
func (p *Predictor) Prob() uint32 { return uint32(p.prob) }

// Update takes the next bit.
func (p *Predictor) Update(bit int) {
	if p.opaque {
		p.partial = p.partial<<1 | uint32(bit)
		if p.partial >= 0x100 {
			p.endByte(byte(p.partial))
		}
		return
	}
	p.learn(bit)
	p.partial = p.partial<<1 | uint32(bit)
	p.half = p.half<<1 | uint32(bit)
	p.left--
	switch {
	case p.partial >= 0x100:
		p.endByte(byte(p.partial))
	case p.half >= 16:
		p.beginHalf()
		p.predict()
	default:
		p.predict()
	}
}

// negligible is the error of a probability up to which no weight moves. Most bits are
// foretold better, so this saves time, and bytes too.
const negligible = 512

// learn moves histories and weights towards the bit.
func (p *Predictor) learn(bit int) {
	next, node := &p.model.histories.next, p.half&(slotSize-1)
	for _, s := range &p.at {
		s[node] = next[s[node]][bit&1]
	}
	target := int32(bit) << probBits
	final := &p.mixers.Final[p.contexts.structure.kind]
	if err := target - p.prob; err < -negligible || err > negligible {
		err = err * p.rates.Final >> 4
		for i := range final {
			final[i] += (p.logits[i]*err + 1<<13) >> 14
		}
	}
	for i, sel := range p.selected {
		if e := target - p.model.logistic.prob(p.logits[i]); e < -negligible || e > negligible {
			p.mixers.First[sel].learn(&p.inputs, e*p.rates.First>>4)
		}
	}
}

func (p *Predictor) endByte(b byte) {
	if p.contexts.counting() {
		p.contexts.count(b)
		p.beginByte()
		return
	}
	p.message = append(p.message, b)
	p.contexts.add(b)
	p.match.add(p.model.Dictionary, p.model.dictionaryIndex, p.message, uint32(p.contexts.recent))
	p.beginByte()
}
