package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/internal/measure"
)

// message is what one side of an exchange sends.
type message struct {
	// prelude is what the receiver knows before: whether it is a request or the
	// response to which, and its code.
	prelude []byte
	payload []byte
	// v1 is what wire version 1 takes for the same: its payload, path, query and
	// Content-Format.
	v1 int
}

// version1 makes the messages of an exchange out of wire version 1: a request is the
// CBOR sequence (RFC 8742) of its path segments, its query and its body, a response
// its body.
type version1 struct{ mapping *coap.Mapping }

func newVersion1() version1 {
	return version1{coap.NewMapping(coap.MappingConfig{FoldV3: true})}
}

func (v version1) messages(e measure.Entry) (request, response message, err error) {
	u, err := url.ParseRequestURI(e.Target)
	if err != nil {
		return request, response, err
	}
	r := &http.Request{Method: e.Method, URL: u, Header: make(http.Header), Body: http.NoBody}
	if len(e.Request) > 0 {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(string(e.Request))), int64(len(e.Request))
		r.Header.Set("Content-Type", e.RequestType)
	}
	up, err := v.mapping.EncodeRequest(r, coap.PeerGateway)
	if err != nil {
		return request, response, fmt.Errorf("request: %w", err)
	}
	header := make(http.Header)
	if len(e.Response) > 0 {
		header.Set("Content-Type", e.ResponseType)
	}
	down, err := v.mapping.EncodeResponse(e.Status, header, e.Response, coap.PeerGateway)
	if err != nil {
		return request, response, fmt.Errorf("response: %w", err)
	}
	var path, query []string
	for _, o := range up.Options {
		switch o.Number {
		case endpoint.URIPath:
			path = append(path, string(o.Value))
		case endpoint.URIQuery:
			query = append(query, string(o.Value))
		}
	}
	request.prelude = []byte{byte(up.Code)}
	if request.payload, err = sequence(path, query); err != nil {
		return request, response, err
	}
	body, err := read(up.Body)
	if err != nil {
		return request, response, err
	}
	request.payload = append(request.payload, body...)
	request.v1 = measure.OptionBytes(up.Options) + len(body)

	response.prelude = []byte{byte(up.Code), route(path), byte(down.Code)}
	if response.payload, err = read(down.Body); err != nil {
		return request, response, err
	}
	response.v1 = measure.OptionBytes(down.Options) + len(response.payload)
	return request, response, nil
}

// sequence encodes a path as texts, and a query, where there is one, as an array.
func sequence(path, query []string) ([]byte, error) {
	var all []byte
	for _, segment := range path {
		b, err := cbor.Marshal(segment)
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
	}
	if len(query) == 0 {
		return all, nil
	}
	b, err := cbor.Marshal(query)
	return append(all, b...), err
}

// route is the enum of a path, 0 if it has none.
func route(path []string) byte {
	if len(path) == 0 || len(path[0]) != 1 {
		return 0
	}
	return path[0][0]
}

func read(body io.Reader) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	return io.ReadAll(body)
}
