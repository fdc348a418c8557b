package vectors

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// hexPrefix stands before what is no text.
const hexPrefix = "hex:"

func isText(s string) bool { return utf8.ValidString(s) }

// fromHex reads hexadecimal digits, which may have white space between them.
func fromHex(s string) ([]byte, error) { return hex.DecodeString(strings.Join(strings.Fields(s), "")) }
