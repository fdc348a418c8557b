package cborcodec

import (
	"encoding/json"
	"fmt"
)

// Marshal returns the version 1 CBOR form of v: what AppendCBOR makes of
// encoding/json's text for v, so that `json` tags and MarshalJSON methods mean what
// they mean everywhere else. It serves callers with Go values; it is not for hot
// paths. Limits are the defaults.
//
// The error is encoding/json's if v has no JSON form; a *SyntaxError if a
// json.RawMessage in v is not UTF-8; or a *LimitError.
func Marshal(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("cborcodec: %w", err)
	}
	return V1(Limits{}).AppendCBOR(nil, text)
}

// Unmarshal decodes CBOR of any MSC3079 peer into v, a pointer, as json.Unmarshal
// decodes the same text. What AppendJSON evens out is thereby even here: floats
// that peers send for integers, integer keys and their string twins. Limits are the
// defaults.
//
// The error is a *SyntaxError or *LimitError if cbor is at fault, and
// encoding/json's if the content does not fit v.
func Unmarshal(cbor []byte, v any) error {
	text, err := V1(Limits{}).AppendJSON(nil, cbor)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("cborcodec: %w", err)
	}
	return nil
}
