//go:build cgo

package main

import (
	"encoding/json"
	"mime"

	"github.com/coapgw/coapgw/cborcodec"
)

func (f format) known() bool { return f >= formatJSON && f <= formatBytes }

// codec is what reads and writes the format; nil where nothing is to be turned.
func (f format) codec() *cborcodec.Codec {
	limits := cborcodec.Limits{MaxInput: maxAnswer, MaxOutput: maxAnswer}
	switch f {
	case formatCBOR:
		return cborcodec.Plain(limits)
	case formatCBORKeys:
		return cborcodec.V1(limits).Untagged()
	}
	return nil
}

// toJSON turns a body of a program, and leaves bytes alone.
func (f format) toJSON(body []byte) ([]byte, error) {
	codec := f.codec()
	switch {
	case f == formatJSON && !json.Valid(body):
		return nil, &failure{code: codeBody, message: "the body is no JSON"}
	case codec == nil:
		return body, nil
	}
	out, err := codec.AppendJSON(nil, body)
	if err != nil {
		return nil, bodyFailure("the body is no CBOR that has a form in JSON", err)
	}
	return out, nil
}

// answered turns the body of an answer, and returns what it is then.
func (f format) answered(contentType string, body []byte) (format, []byte, error) {
	if kind, _, err := mime.ParseMediaType(contentType); err != nil || kind != "application/json" {
		return formatBytes, body, nil
	}
	codec := f.codec()
	if codec == nil {
		return formatJSON, body, nil
	}
	out, err := codec.AppendCBOR(nil, body)
	if err != nil {
		return formatJSON, nil, bodyFailure("the body of the answer is no JSON that can be turned into CBOR", err)
	}
	return f, out, nil
}
