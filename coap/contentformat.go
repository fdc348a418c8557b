package coap

import (
	"mime"
	"strings"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// Content formats that the mapping treats specially (RFC 7252 §12.3, RFC 8949
// §9.3).
const (
	formatOctets = 42
	formatJSON   = 50
	formatCBOR   = 60
)

// formatRow pairs a CoAP Content-Format with the media type that it stands for.
type formatRow struct {
	format    uint32
	mediaType string
}

// formatTable holds the formats that Matrix traffic meets. 60 is not in it: on
// this link it means JSON in the form of CBOR, and a body that an HTTP client
// itself calls application/cbor travels as 42 with its Content-Type beside it.
var formatTable = [...]formatRow{
	{0, "text/plain;charset=utf-8"},
	{formatOctets, "application/octet-stream"},
	{formatJSON, "application/json"},
	{21, "image/gif"},
	{22, "image/jpeg"},
	{23, "image/png"},
	{41, "application/xml"},
	{20000, "text/css"},
	{30000, "image/svg+xml"},
}

// contentFormat returns the format that stands for a Content-Type, and whether it
// gives the very same header line back.
func contentFormat(contentType string) (format uint32, exact bool) {
	for _, row := range formatTable {
		if row.mediaType == contentType {
			return row.format, true
		}
	}
	base, params, err := mime.ParseMediaType(contentType)
	if err == nil {
		for _, row := range formatTable {
			rowBase, _, _ := strings.Cut(row.mediaType, ";")
			if rowBase == base && (base != "text/plain" || strings.EqualFold(params["charset"], "utf-8")) {
				return row.format, false
			}
		}
	}
	return formatOctets, false
}

// contentType returns the media type for a format that a peer named.
func contentType(format uint32) string {
	for _, row := range formatTable {
		if row.format == format {
			return row.mediaType
		}
	}
	return "application/octet-stream"
}

// offers reports whether an answer to a request of that code may have the Content-Format that
// Accept names (RFC 7252 §5.10.4): one to GET and FETCH any of the table, all others in Matrix
// are JSON.
func offers(code endpoint.Code, format uint32) bool {
	switch {
	case format == formatJSON, format == formatCBOR:
		return true
	case code != endpoint.GET && code != endpoint.FETCH:
		return false
	}
	for _, row := range formatTable {
		if row.format == format {
			return true
		}
	}
	return false
}

// isJSON reports whether a Content-Type says JSON. Matrix clients also send JSON
// without saying so; an empty type counts as JSON and the body decides.
func isJSON(contentType string) bool {
	if contentType == "" || contentType == "application/json" {
		return true
	}
	base, _, err := mime.ParseMediaType(contentType)
	return err == nil && base == "application/json"
}
