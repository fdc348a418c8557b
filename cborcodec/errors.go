package cborcodec

import "fmt"

// SyntaxError reports input that is not one valid JSON text, or not one CBOR data
// item with a JSON form. Repeating the call cannot help: the sender must change the
// input. In HTTP terms it is a 400.
type SyntaxError struct {
	// Offset is the position in the input, in bytes, where the fault was noticed.
	Offset int
	// Reason says what is wrong there; errors.Is finds it too.
	Reason Reason
}

// Error implements error. The text never quotes the input.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("cborcodec: %s at offset %d", e.Reason, e.Offset)
}

// Unwrap gives the Reason, so that errors.Is(err, cborcodec.ReasonTrailing) works.
func (e *SyntaxError) Unwrap() error { return e.Reason }

// Reason is the kind of a SyntaxError.
type Reason uint8

// Reasons why an input is refused.
const (
	// ReasonTruncated: the input ends inside a value.
	ReasonTruncated Reason = iota + 1
	// ReasonTrailing: bytes follow the only value of the input.
	ReasonTrailing
	// ReasonUTF8: text is not valid UTF-8, or not valid WTF-8 under tag 273.
	ReasonUTF8
	// ReasonToken: a JSON byte that cannot stand here.
	ReasonToken
	// ReasonNumber: a JSON number outside the grammar of RFC 8259 §6.
	ReasonNumber
	// ReasonEscape: a JSON escape sequence outside the grammar of RFC 8259 §7.
	ReasonEscape
	// ReasonControl: an unescaped control character in a JSON string.
	ReasonControl
	// ReasonReserved: CBOR that is not well-formed: reserved additional
	// information, a stray break, or a wrong chunk (RFC 8949 §3, appendix F).
	ReasonReserved
	// ReasonNoJSON: a CBOR type without a JSON form: byte string, undefined or
	// another simple value.
	ReasonNoJSON
	// ReasonNotFinite: NaN or an infinity, which JSON lacks.
	ReasonNotFinite
	// ReasonTag: a tag without a JSON form, or with content that does not fit it.
	ReasonTag
	// ReasonKey: a map key that is neither text nor an integer.
	ReasonKey
)

var reasonTexts = [...]string{
	ReasonTruncated: "input ends inside a value",
	ReasonTrailing:  "bytes after the value",
	ReasonUTF8:      "invalid UTF-8",
	ReasonToken:     "unexpected JSON byte",
	ReasonNumber:    "invalid JSON number",
	ReasonEscape:    "invalid JSON escape",
	ReasonControl:   "control character in JSON string",
	ReasonReserved:  "malformed CBOR",
	ReasonNoJSON:    "CBOR type without JSON form",
	ReasonNotFinite: "number without JSON form",
	ReasonTag:       "CBOR tag without JSON form",
	ReasonKey:       "CBOR map key without JSON form",
}

// Error implements error.
func (r Reason) Error() string {
	if int(r) < len(reasonTexts) && reasonTexts[r] != "" {
		return reasonTexts[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// LimitError reports input that may be valid but exceeds a limit. The caller may
// repeat with larger Limits or send less. In HTTP terms it is a 413.
type LimitError struct {
	// Offset is the position in the input, in bytes, where the limit was passed.
	Offset int
	// Limit is the name of the limit: a field of Limits, or "Bignum".
	Limit string
	// Max is the value of the limit.
	Max int
}

// Error implements error.
func (e *LimitError) Error() string {
	return fmt.Sprintf("cborcodec: more than %s = %d at offset %d", e.Limit, e.Max, e.Offset)
}

func syntaxError(offset int, reason Reason) error {
	return &SyntaxError{Offset: offset, Reason: reason}
}
