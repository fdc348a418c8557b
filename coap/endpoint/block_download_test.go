package endpoint

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDownloadWithChangingTokens(t *testing.T) {
	play(t, blocks(64, serveBody(100)), `
		> CON GET #0001 t=01 /x
		< ACK 2.05 #0001 t=01 Block2=0/1/64 [0:64]
		> CON GET #0002 t=02 /x Block2=1/0/64
		< ACK 2.05 #0002 t=02 Block2=1/0/64 [64:100]
	`)
}

// TestEarlierBlocks: a body that can be read anywhere serves any block, another
// only what comes next.
func TestEarlierBlocks(t *testing.T) {
	random := HandlerFunc(func(context.Context, *Request) *Response {
		return &Response{Code: Content, Body: bytes.NewReader(testBody(300)), Size: -1}
	})
	const steps = `
		> CON GET #0001 t=01 /x
		< ACK 2.05 #0001 t=01 Block2=0/1/64 [0:64]
		> CON GET #0002 t=01 /x Block2=1/0/64
		< ACK 2.05 #0002 t=01 Block2=1/1/64 [64:128]
		> CON GET #0003 t=01 /x Block2=2/0/64
		< ACK 2.05 #0003 t=01 Block2=2/1/64 [128:192]
	`
	climb(t, blocks(64, random), func(l *ladder) {
		l.run(steps + `
			> CON GET #0004 t=01 /x Block2=1/0/64
			< ACK 2.05 #0004 t=01 Block2=1/1/64 [64:128]
			> CON GET #0005 t=01 /x Block2=3/0/64
			< ACK 2.05 #0005 t=01 Block2=3/1/64 [192:256]
			> CON GET #0006 t=01 /x Block2=9/0/64
			< ACK 4.08 #0006 t=01
		`)
	})
	climb(t, blocks(64, serveBody(300)), func(l *ladder) {
		l.run(steps + `
			> CON GET #0004 t=01 /x Block2=1/0/64
			< ACK 4.08 #0004 t=01
			> CON GET #0005 t=01 /x Block2=3/0/64
			< ACK 2.05 #0005 t=01 Block2=3/1/64 [192:256]
		`)
	})
}

// TestSpoiledDownloads: what does not continue the body is an error of the body.
func TestSpoiledDownloads(t *testing.T) {
	tests := []struct{ name, second string }{
		{"other ETag", "> ACK 2.05 #b t=$t ETag=02 Block2=1/0/64 [64:100]"},
		{"no ETag", "> ACK 2.05 #b t=$t Block2=1/0/64 [64:100]"},
		{"other place", "> ACK 2.05 #b t=$t ETag=01 Block2=2/0/64 [128:192]"},
		{"no block option", "> ACK 2.05 #b t=$t ETag=01 [0:100]"},
		{"short block", "> ACK 2.05 #b t=$t ETag=01 Block2=1/1/64 [64:100]"},
		{"gone", "> ACK 4.08 #b t=$t"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(t, blocks(1024, nil), get("x"), `
				< CON GET #a t=$t /x
				> ACK 2.05 #a t=$t ETag=01 Block2=0/1/64 [0:64]
				< CON GET #b t=$t /x Block2=1/0/64
			`+tt.second)
			var broken *BlockError
			require.ErrorAs(t, got.err, &broken)
			require.EqualValues(t, 64, broken.Offset)
		})
	}
}
