package mixing

// Log-odds are natural logarithms in units of 1/256, probabilities are in units of
// 1/65536; both are those of a bit being 1.
const (
	// MaxLogit bounds log-odds on both sides: ±8.
	MaxLogit = 2047
	// probBits is the resolution of probabilities.
	probBits = 16
)

// logisticKnots is 65536/(1+e^-x) at x = -8, -7.5 … 8. Between them the curve is
// linear by definition, so that no architecture rounds it in another way.
var logisticKnots = [33]int32{
	22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743,
	32768, 40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374,
	65438, 65476, 65500, 65514,
}

// logistic is the curve at every log-odds value, from -MaxLogit-1.
type logistic [2 * (MaxLogit + 1)]uint16

func newLogistic() *logistic {
	l := new(logistic)
	for i := range l {
		k, f := i>>7, int32(i&127)
		l[i] = uint16((logisticKnots[k]*(128-f) + logisticKnots[k+1]*f + 64) >> 7)
	}
	return l
}

// prob is the probability for log-odds within ±MaxLogit.
func (l *logistic) prob(logit int32) int32 { return int32(l[logit+MaxLogit+1]) }

// Logit is the log-odds whose probability is the first to reach p.
func (l *logistic) Logit(p int32) int32 {
	lo, hi := int32(-MaxLogit), int32(MaxLogit)
	for lo < hi {
		mid := (lo + hi) >> 1
		if l.prob(mid) < p {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func clampLogit(x int64) int32 {
	return int32(max(-MaxLogit, min(x, MaxLogit)))
}
