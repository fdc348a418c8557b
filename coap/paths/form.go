package paths

import "errors"

// Form says how the segments and query values were made from the request URI, so
// that the receiver can restore it to the byte. The zero Form is a path as the
// table has it, composed by RFC 7252 §6.5.
type Form struct {
	// V3 tells that the enum stands for the v3 twin of its r0 row.
	V3 bool
	// Path is the escaping style of the path.
	Path Style
	// Query is the escaping style of the query.
	Query Style
}

// ErrForm: the form is none of this version. The peer is newer or broken; the
// request cannot be restored and is a bad request.
var ErrForm = errors.New("paths: unknown form")

// Layout of a Form in one byte; the highest bit is reserved and zero.
const (
	styleBits  = 3
	maxStyles  = 1 << styleBits
	queryShift = styleBits
	formV3     = 1 << (2 * styleBits)
	formMax    = formV3<<1 - 1
)

// Byte returns f as one byte: bits 0–2 the path style, bits 3–5 the query style,
// bit 6 V3. Bit 7 is zero. The zero Form is 0, so it may be left out.
func (f Form) Byte() uint8 {
	b := uint8(f.Path)%maxStyles | uint8(f.Query)%maxStyles<<queryShift
	if f.V3 {
		b |= formV3
	}
	return b
}

// ParseForm is the inverse of Form.Byte. It fails with ErrForm for a byte that
// no Form of this version has.
func ParseForm(b uint8) (Form, error) {
	f := Form{V3: b&formV3 != 0, Path: Style(b % maxStyles), Query: Style(b >> queryShift % maxStyles)}
	if b > formMax || int(f.Path) >= len(pathStyles) || int(f.Query) >= len(queryStyles) {
		return Form{}, ErrForm
	}
	return f, nil
}
