package cborcodec

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Diagnose returns one CBOR data item in diagnostic notation (RFC 8949 §8), with
// integer keys as integers. It shows also what has no JSON form. Items may nest
// twice as deep as DefaultMaxDepth, since tags count here. The error says where
// the input is not well-formed.
func Diagnose(item []byte) (string, error) {
	mode, err := cbor.DiagOptions{
		MaxNestedLevels:  2 * DefaultMaxDepth,
		MaxArrayElements: DefaultMaxInput,
		MaxMapPairs:      DefaultMaxInput,
	}.DiagMode()
	if err != nil {
		return "", fmt.Errorf("cborcodec: %w", err)
	}
	text, err := mode.Diagnose(item)
	if err != nil {
		return "", fmt.Errorf("cborcodec: %w", err)
	}
	return text, nil
}
