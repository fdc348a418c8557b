package dialect

import (
	"strings"
	"unicode/utf8"

	"github.com/coapgw/coapgw/coap/paths"
)

// A query is an array. A row of the arguments is an integer: alone if the row has a
// value, else followed by the value. Another key is text, followed by its value. The
// value of an argument without "=" is null. A single text is a query that the
// escaping styles of package paths do not reproduce, as it is.

// maxQueryItems is how many items an array head of one byte announces.
const maxQueryItems = 23

// argumentNumbers is argumentRows read the other way.
var argumentNumbers = func() map[string]uint64 {
	numbers := make(map[string]uint64, len(argumentRows))
	for n, argument := range argumentRows {
		numbers[argument] = uint64(n)
	}
	return numbers
}()

// appendQuery appends the decoded arguments; false says that there are too many.
func (s *state) appendQuery(dst []byte, args []string) (out []byte, ok bool) {
	// Counted before, since what is asked of the Referrer cannot be taken back.
	count := 0
	for _, arg := range args {
		count++
		if !isWholeArgument(arg) {
			count++
		}
	}
	if count > maxQueryItems {
		return dst, false
	}
	dst = append(dst, majorArray<<5|byte(count))
	for _, arg := range args {
		if isWholeArgument(arg) {
			dst = appendHead(dst, majorUint, argumentNumbers[arg])
			continue
		}
		key, value, found := strings.Cut(arg, "=")
		if n, ok := argumentNumbers[key]; ok {
			dst = appendHead(dst, majorUint, n)
		} else {
			dst = appendHead(dst, majorText, uint64(len(key)))
			dst = append(dst, key...)
		}
		if found {
			if isPosition(key) {
				s.key = keyFound
			}
			from := len(dst)
			dst = s.appendValue(dst, value)
			s.key = keyOther
			if s.refers() {
				s.noteReference(key, dst[from:], s.x.Refer.Note)
			}
		} else {
			dst = append(dst, itemNull)
		}
	}
	return dst, true
}

// isWholeArgument says whether a row has the argument with its value.
func isWholeArgument(arg string) bool {
	_, ok := argumentNumbers[arg]
	return ok && strings.Contains(arg, "=")
}

// readQuery reads the query, if there is one, and adds it to the target. A literal
// route has none to add.
func (s *state) readQuery(r *Request, in *items, form paths.Form, allowed bool) error {
	initial, ok := in.peek()
	switch {
	case !ok:
		return nil
	case initial == itemUndefined:
		in.pos++
		return nil
	case initial == majorTag<<5|tagReference && allowed:
		return s.readSticky(r, in)
	case initial>>5 != majorArray:
		return nil
	case !allowed:
		return errItem
	}
	_, count, err := in.head()
	if err != nil {
		return err
	}
	if count > maxQueryItems {
		return errContent
	}
	if first, ok := in.peek(); ok && count == 1 && first>>5 == majorText {
		_, raw, err := in.string()
		if err != nil {
			return err
		}
		r.Target += "?" + string(raw)
		if !legalRequest(r) {
			return ErrRequest
		}
		return nil
	}
	var args []string
	for done := uint64(0); done < count; done++ {
		key, err := readKey(in)
		if err != nil {
			return err
		}
		if strings.Contains(key, "=") {
			args = append(args, key)
			continue
		}
		if done++; done == count {
			return errContent
		}
		if next, ok := in.peek(); ok && next == itemNull {
			in.pos++
			args = append(args, key)
			continue
		}
		if s.x.Solve != nil {
			s.noteReference(key, in.src[in.pos:], s.x.Solve.Note)
		}
		value, err := s.readValue(in)
		if err != nil {
			return err
		}
		args = append(args, key+"="+value)
	}
	for _, arg := range args {
		if !utf8.ValidString(arg) {
			return errContent // it travels as it is
		}
	}
	r.Target += "?" + paths.JoinQuery(args, form.Query)
	return nil
}

// readKey reads a row of the arguments or another key.
func readKey(in *items) (string, error) {
	major, n, err := in.head()
	switch {
	case err != nil:
		return "", err
	case major == majorUint && n < uint64(len(argumentRows)):
		return argumentRows[n], nil
	case major != majorText:
		return "", errRow
	}
	key, err := in.take(n)
	if err == nil && strings.Contains(string(key), "=") {
		err = errContent
	}
	return string(key), err
}
