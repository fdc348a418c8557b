//go:build !clientonly

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/coapgw/coapgw/cborcodec"
)

type cborCmd struct {
	Encode cborEncodeCmd `cmd:"" help:"JSON on standard input becomes CBOR on standard output."`
	Decode cborDecodeCmd `cmd:"" help:"CBOR on standard input becomes JSON on standard output."`
	Diag   cborDiagCmd   `cmd:"" help:"CBOR on standard input becomes diagnostic notation (RFC 8949, section 8)."`
}

// Help is shown by cbor --help.
func (cborCmd) Help() string {
	return `Example: how many bytes a message takes, and what they are:

  echo '{"msgtype":"m.text","body":"hello"}' | coapgw cbor encode | wc -c
  echo '{"msgtype":"m.text","body":"hello"}' | coapgw cbor encode | coapgw cbor diag`
}

// keyTable is which keys become integers.
type keyTable struct {
	CborVersion int `default:"1" env:"-" enum:"0,1" help:"Table of integer keys: 1 is MSC3079, 0 none."`
}

func (d keyTable) codec() *cborcodec.Codec {
	if d.CborVersion == 0 {
		return cborcodec.Plain(cborcodec.Limits{})
	}
	return cborcodec.V1(cborcodec.Limits{})
}

type cborEncodeCmd struct{ keyTable }

// Run converts standard input.
func (c cborEncodeCmd) Run(std streams) error {
	return convert(std, c.codec().AppendCBOR, "")
}

type cborDecodeCmd struct{ keyTable }

// Run converts standard input.
func (c cborDecodeCmd) Run(std streams) error {
	return convert(std, c.codec().AppendJSON, "\n")
}

type cborDiagCmd struct {
	CborVersion int `default:"0" env:"-" enum:"0,1" help:"Table that names integer keys: 1 is MSC3079, 0 leaves them as they are."`
}

// Run converts standard input.
func (c cborDiagCmd) Run(std streams) error {
	return convert(std, func(_, item []byte) ([]byte, error) {
		if c.CborVersion > 0 {
			var err error
			if item, err = named(item, c.CborVersion); err != nil {
				return nil, err
			}
		}
		text, err := cborcodec.Diagnose(item)
		return []byte(text), err
	}, "\n")
}

// named returns item with string keys in place of integers.
func named(item []byte, version int) ([]byte, error) {
	text, err := keyTable{version}.codec().AppendJSON(nil, item)
	if err != nil {
		return nil, err
	}
	return keyTable{}.codec().AppendCBOR(nil, text)
}

// convert passes the whole of standard input through f and ends the output with
// tail.
func convert(std streams, f func(dst, src []byte) ([]byte, error), tail string) error {
	in, err := io.ReadAll(io.LimitReader(std.in, cborcodec.DefaultMaxInput+1))
	if err != nil {
		return err
	}
	if len(in) == 0 {
		return errors.New("nothing on standard input")
	}
	out, err := f(nil, in)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "%s%s", out, tail)
	return err
}
