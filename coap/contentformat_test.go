package coap

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestContentFormat(t *testing.T) {
	for _, test := range []struct {
		contentType string
		format      uint32
		exact       bool
	}{
		{"text/plain;charset=utf-8", 0, true},
		{"text/plain; charset=utf-8", 0, false},
		{"text/plain; charset=UTF-8", 0, false},
		{"text/plain", 42, false}, // its charset is not UTF-8 by default
		{"text/plain; charset=latin1", 42, false},
		{"application/octet-stream", 42, true},
		{"image/jpeg", 22, true},
		{"IMAGE/JPEG", 22, false},
		{"image/png", 23, true},
		{"image/svg+xml", 30000, true},
		{"image/webp", 42, false},
		{"application/cbor", 42, false}, // 60 is JSON on this link
		{"video/mp4", 42, false},
		{";;;", 42, false},
	} {
		format, exact := contentFormat(test.contentType)
		assert.Equal(t, test.format, format, test.contentType)
		assert.Equal(t, test.exact, exact, test.contentType)
		if exact {
			assert.Equal(t, test.contentType, contentType(format))
		}
	}
	assert.Equal(t, "application/octet-stream", contentType(65535))
	assert.Equal(t, "application/json", contentType(formatJSON))
}

func TestIsJSON(t *testing.T) {
	for _, yes := range []string{"", "application/json", "application/json; charset=utf-8", "Application/JSON"} {
		assert.True(t, isJSON(yes), yes)
	}
	for _, no := range []string{"text/plain", "application/jsonp", "application/problem+json", "application/json;;", "json"} {
		assert.False(t, isJSON(no), no)
	}
}
