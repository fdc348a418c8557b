package mixing

// Inputs of the mixers: one per context, the match, and a constant.
const (
	inputMatch = Contexts
	inputBias  = Contexts + 1
	inputs     = Contexts + 2

	biasLogit = 256
)

// A mixer set adds up the inputs by weights that depend on something that is known
// about the bit. The sets' sums are mixed once more.
const (
	setStructure = iota // what the byte is, and which bit of it
	setMatch            // how sure the match is, and how many orders know the context
	setField            // the name of the item
	sets
)

const (
	structureSelections = int(kinds) * 8
	matchSelections     = matchLevels * 8
	fieldSelections     = 64
	selections          = structureSelections + matchSelections + fieldSelections
	finalSelections     = int(kinds)
)

// Weights of the first mixers are in units of 1/65536, and so are those of the last.
type (
	weights      [inputs]int32
	finalWeights [sets]int32
)

// Mixers are the weights that a message begins with.
type Mixers struct {
	First [selections]weights
	Final [finalSelections]finalWeights
}

// evenMixers weigh everything alike: what training begins with.
func evenMixers() Mixers {
	var m Mixers
	for i := range m.First {
		for j := range Contexts + 1 {
			m.First[i][j] = 20000
		}
	}
	for i := range m.Final {
		for j := range m.Final[i] {
			m.Final[i][j] = 65536 / sets
		}
	}
	return m
}

func (w *weights) dot(x *[inputs]int32) int32 {
	var sum int64
	for i := range x {
		sum += int64(x[i]) * int64(w[i])
	}
	return clampLogit(sum >> 16)
}

// learn moves the weights against err: the error of the probability times the rate.
func (w *weights) learn(x *[inputs]int32, err int32) {
	for i := range x {
		w[i] += (x[i]*err + 1<<13) >> 14
	}
}
