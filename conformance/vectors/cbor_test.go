package vectors

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/coapgw/coapgw/cborcodec"
)

// cborVector is a JSON text, its CBOR, and what that is as JSON again.
type cborVector struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	// Codec is empty between two coapgw, "untagged" to another peer that knows the integer
	// keys, "plain" to one that does not. All read alike.
	Codec string `json:"codec,omitempty"`
	// JSON is what is encoded, JSONHex the same where it is not UTF-8.
	JSON    *string `json:"json,omitempty"`
	JSONHex string  `json:"json_hex,omitempty"`
	CBOR    string  `json:"cbor,omitempty"`
	// Diag is the CBOR in diagnostic notation (RFC 8949 §8), for people: of up to maxDiag
	// bytes.
	Diag string `json:"diag,omitempty"`
	// Text is what is decoded; nil where that is JSON.
	Text *string `json:"text,omitempty"`
	// Error is "syntax" or "limit" for what must be refused.
	Error string `json:"error,omitempty"`
}

func (v *cborVector) title() string { return v.Name }

var codecs = map[string]*cborcodec.Codec{
	"":         cborcodec.V1(cborcodec.Limits{}),
	"untagged": cborcodec.V1(cborcodec.Limits{}).Untagged(),
	"plain":    cborcodec.Plain(cborcodec.Limits{}),
}

// json is the text that is encoded, nil for none.
func (v *cborVector) json() ([]byte, error) {
	if v.JSONHex != "" {
		return hex.DecodeString(v.JSONHex)
	}
	if v.JSON == nil {
		return nil, nil
	}
	return []byte(*v.JSON), nil
}

func (v *cborVector) fill(*testing.T) error {
	codec := codecs[v.Codec]
	if codec == nil {
		return fmt.Errorf("codec %q", v.Codec)
	}
	text, err := v.json()
	if err != nil || v.Error != "" {
		return err
	}
	if text != nil {
		item, err := codec.AppendCBOR(nil, text)
		if err != nil {
			return err
		}
		if v.CBOR != "" && v.CBOR != hex.EncodeToString(item) {
			return fmt.Errorf("the row says %s and the codec %x", v.CBOR, item)
		}
		v.CBOR = hex.EncodeToString(item)
	}
	item, err := hex.DecodeString(v.CBOR)
	if err != nil {
		return err
	}
	back, err := codec.AppendJSON(nil, item)
	if err != nil {
		return err
	}
	s := string(back)
	switch {
	case v.Text != nil && *v.Text != s:
		return fmt.Errorf("the row says %s and the codec %s", *v.Text, s)
	case v.JSON == nil || *v.JSON != s:
		v.Text = &s
	}
	v.Diag, err = diagnose(item)
	return err
}

func (v *cborVector) play(*testing.T) error {
	codec := codecs[v.Codec]
	if codec == nil {
		return fmt.Errorf("codec %q", v.Codec)
	}
	text, err := v.json()
	if err != nil {
		return err
	}
	item, err := hex.DecodeString(v.CBOR)
	if err != nil {
		return err
	}
	if text == nil && v.CBOR == "" {
		return errors.New("nothing to encode or decode")
	}
	if v.Error != "" {
		if text != nil && v.CBOR != "" || v.Text != nil {
			return errors.New("which of both is refused?")
		}
		if text != nil {
			_, err = codec.AppendCBOR(nil, text)
		} else {
			_, err = codec.AppendJSON(nil, item)
		}
		if kind := refusal(err); kind != v.Error {
			return fmt.Errorf("refused as %q (%w), not as %q", kind, err, v.Error)
		}
		return nil
	}
	if text != nil {
		got, err := codec.AppendCBOR(nil, text)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, item) {
			return fmt.Errorf("encodes as %x", got)
		}
	}
	got, err := codec.AppendJSON(nil, item)
	switch {
	case err != nil:
		return err
	case v.JSON == nil && v.Text == nil:
		return errors.New("no text")
	case string(got) != v.text():
		return fmt.Errorf("decodes as %s", got)
	}
	return v.readElsewhere(item)
}

// text is what the CBOR is decoded to.
func (v *cborVector) text() string {
	if v.Text != nil {
		return *v.Text
	}
	return *v.JSON
}

// diagnose reads CBOR without our codec: a nested item has a tag now and then, and both
// count.
func diagnose(item []byte) (string, error) {
	mode, err := cbor.DiagOptions{MaxNestedLevels: 2 * cborcodec.DefaultMaxDepth}.DiagMode()
	if err != nil {
		return "", err
	}
	notation, err := mode.Diagnose(item)
	if len(item) > maxDiag {
		notation = ""
	}
	return notation, err
}

// maxDiag is the longest item of which the files have the notation.
const maxDiag = 80

// readElsewhere holds the row to a decoder that shares nothing with ours.
func (v *cborVector) readElsewhere(item []byte) error {
	diag, err := diagnose(item)
	if err != nil {
		return fmt.Errorf("fxamacker/cbor: %w", err)
	}
	if diag != v.Diag {
		return fmt.Errorf("fxamacker/cbor reads %s", diag)
	}
	return nil
}

// refusal names the kind of an error of the codec.
func refusal(err error) string {
	var syntax *cborcodec.SyntaxError
	var limit *cborcodec.LimitError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &syntax):
		return "syntax"
	case errors.As(err, &limit):
		return "limit"
	}
	return "other"
}

func (v *cborVector) mutants() (wrong []vector) {
	if v.Error != "" {
		other := *v
		other.Error = map[string]string{"syntax": "limit", "limit": "syntax"}[v.Error]
		return []vector{&other}
	}
	item, text := *v, *v
	item.CBOR = flipped(v.CBOR)
	changed := v.text() + " "
	text.Text = &changed
	return []vector{&item, &text}
}

// flipped is a hexadecimal text with one bit of its last byte changed, or of its only one.
func flipped(text string) string {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) == 0 {
		return text + "00"
	}
	b[len(b)-1] ^= 1
	return hex.EncodeToString(b)
}
