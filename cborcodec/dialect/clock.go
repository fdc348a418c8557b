package dialect

import "strconv"

// Times in milliseconds since 1970, as origin_server_ts has them, and how far two
// of them may be apart to be written as a difference.
const (
	minTime       = 1_000_000_000_000 // 13 digits
	maxTime       = 9_999_999_999_999
	maxDifference = 1<<32 - 1 // 49 days, an integer of 5 bytes
)

// clock remembers the last time in a message, from which the next is counted. It is
// not a clock of the machine.
type clock struct {
	last int64
	// latest is the greatest, as far as it is known to both ends.
	latest int64
}

func (c *clock) set(t int64) { c.last, c.latest = t, max(c.latest, t) }

// isTime says whether digits are a time.
func isTime(digits []byte) bool {
	if len(digits) != timeDigits || digits[0] == '0' {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// append appends the time t: as the difference to the last one if that is small
// enough, else as it is.
func (c *clock) append(dst []byte, t int64) []byte {
	difference := t - c.last
	if c.last == 0 || difference > maxDifference || difference < -maxDifference {
		difference = t
	}
	c.set(t)
	return appendInt(dst, difference)
}

// appendText is the inverse of append. A number from minTime on is no difference.
func (c *clock) appendText(dst []byte, in *items) ([]byte, error) {
	t, err := in.int()
	if err != nil {
		return dst, err
	}
	if t < minTime {
		if c.last == 0 || t > maxDifference || t < -maxDifference {
			return dst, errTime
		}
		t += c.last
	}
	if t < minTime || t > maxTime {
		return dst, errTime
	}
	c.set(t)
	return strconv.AppendInt(dst, t, 10), nil
}
