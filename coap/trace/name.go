package trace

import "fmt"

var kindNames = [...]string{
	Sent:          "sent",
	Received:      "received",
	Retransmitted: "retransmitted",
	Duplicate:     "duplicate",
	Malformed:     "malformed",
	GaveUp:        "gave-up",
	Measured:      "measured",
}

// String returns the kind in a word.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind-%d", k)
}

// typeNames are the types of messages (RFC 7252 §3).
var typeNames = [4]string{"CON", "NON", "ACK", "RST"}

// codeName writes a code as RFC 7252 §3 does.
func codeName(code uint8) string { return fmt.Sprintf("%d.%02d", code>>5, code&31) }
