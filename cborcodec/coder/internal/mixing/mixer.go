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

// dot is written out since the compiler unrolls nothing.
func (w *weights) dot(x *[inputs]int32) int32 {
	return clampLogit((int64(x[0])*int64(w[0]) + int64(x[1])*int64(w[1]) + int64(x[2])*int64(w[2]) +
		int64(x[3])*int64(w[3]) + int64(x[4])*int64(w[4]) + int64(x[5])*int64(w[5]) +
		int64(x[6])*int64(w[6]) + int64(x[7])*int64(w[7]) + int64(x[8])*int64(w[8]) +
		int64(x[9])*int64(w[9]) + int64(x[10])*int64(w[10]) + int64(x[11])*int64(w[11]) +
		int64(x[12])*int64(w[12]) + int64(x[13])*int64(w[13]) + int64(x[14])*int64(w[14]) +
		int64(x[15])*int64(w[15]) + int64(x[16])*int64(w[16]) + int64(x[17])*int64(w[17])) >> 16)
}

// learn moves the weights against err: the error of the probability times the rate.
func (w *weights) learn(x *[inputs]int32, err int32) {
	for i := 0; i < inputs; i += 3 {
		w, x := (*[3]int32)(w[i:]), (*[3]int32)(x[i:])
		w[0] += (x[0]*err + 1<<13) >> 14
		w[1] += (x[1]*err + 1<<13) >> 14
		w[2] += (x[2]*err + 1<<13) >> 14
	}
}
