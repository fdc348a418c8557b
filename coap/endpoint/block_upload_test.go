package endpoint

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRepeatedBlocksOfUpload: a block whose acknowledgement was lost is
// acknowledged again and taken once, whatever its message ID.
func TestRepeatedBlocksOfUpload(t *testing.T) {
	play(t, blocks(64, HandlerFunc(takeBody)), `
		> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
		< ACK 2.31 #0001 t=01 Block1=0/1/64
		> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
		< ACK 2.31 #0001 t=01 Block1=0/1/64
		> CON PUT #0002 t=01 /x Block1=1/1/64 [64:128]
		< ACK 2.31 #0002 t=01 Block1=1/1/64
		> CON PUT #0002 t=01 /x Block1=1/1/64 [64:128]
		< ACK 2.31 #0002 t=01 Block1=1/1/64
		> CON PUT #0003 t=01 /x Block1=1/1/64 [64:128]
		< ACK 2.31 #0003 t=01 Block1=1/1/64
		> CON PUT #0004 t=01 /x Block1=2/0/64 [128:130]
		< ACK 2.04 #0004 t=01 Block1=2/0/64 "taken"
		> CON PUT #0004 t=01 /x Block1=2/0/64 [128:130]
		< ACK 2.04 #0004 t=01 Block1=2/0/64 "taken"
	`)
}

// TestUploadWithChangingTokens: libcoap uses another token for each block; with
// go-coap such uploads arrive truncated and are answered 2.04.
func TestUploadWithChangingTokens(t *testing.T) {
	play(t, blocks(64, HandlerFunc(takeBody)), `
		> CON PUT #0001 t=01 /x Block1=0/1/64 Size1=130 [0:64]
		< ACK 2.31 #0001 t=01 Block1=0/1/64
		> CON PUT #0002 t=02 /x Block1=1/1/64 Size1=130 [64:128]
		< ACK 2.31 #0002 t=02 Block1=1/1/64
		> CON PUT #0003 t=03 /x Block1=2/0/64 Size1=130 [128:130]
		< ACK 2.04 #0003 t=03 Block1=2/0/64 "taken"
	`)
}

func TestUploadOutOfOrder(t *testing.T) {
	tests := []struct{ name, ladder string }{
		{"no first block", `
			> CON PUT #0001 t=01 /x Block1=1/1/64 [64:128]
			< ACK 4.08 #0001 t=01 Block1=1/0/64`},
		{"no first block, last", `
			> CON PUT #0001 t=01 /x Block1=1/0/64 [64:100]
			< ACK 4.08 #0001 t=01 Block1=1/0/64`},
		{"a block left out", `
			> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0001 t=01 Block1=0/1/64
			> CON PUT #0002 t=01 /x Block1=2/1/64 [128:192]
			< ACK 4.08 #0002 t=01 Block1=2/0/64`},
		{"overlapping", `
			> CON PUT #0001 t=01 /x Block1=0/1/16 [0:16]
			< ACK 2.31 #0001 t=01 Block1=0/1/16
			> CON PUT #0002 t=01 /x Block1=1/1/16 [16:32]
			< ACK 2.31 #0002 t=01 Block1=1/1/16
			> CON PUT #0003 t=01 /x Block1=1/1/16 [16:32]
			< ACK 2.31 #0003 t=01 Block1=1/1/16
			> CON PUT #0004 t=01 /x Block1=0/0/64 [0:40]
			< ACK 2.04 #0004 t=01 Block1=0/0/64 "taken"`},
		{"overlapping the end", `
			> CON PUT #0001 t=01 /x Block1=0/1/32 [0:32]
			< ACK 2.31 #0001 t=01 Block1=0/1/32
			> CON PUT #0002 t=01 /x Block1=2/1/16 [32:48]
			< ACK 2.31 #0002 t=01 Block1=2/1/16
			> CON PUT #0003 t=01 /x Block1=1/1/32 [32:64]
			< ACK 4.08 #0003 t=01 Block1=1/0/32`},
		{"payload shorter than the block", `
			> CON PUT #0001 t=01 /x Block1=0/1/64 [0:63]
			< ACK 4.00 #0001 t=01 Block1=0/0/64`},
		{"reserved size", `
			> CON PUT #0001 t=01 /x O27=0f [0:64]
			< ACK 4.00 #0001 t=01 Block1=0/0/2048`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, blocks(64, HandlerFunc(takeBody)), tt.ladder)
		})
	}
}

// TestSecondUploadReplaces: a client that starts over gets the new body accepted,
// and the handler of the old one an error.
func TestSecondUploadReplaces(t *testing.T) {
	errs := make(chan error, 2)
	h := HandlerFunc(func(ctx context.Context, r *Request) *Response {
		_, err := io.ReadAll(r.Body)
		errs <- err
		return &Response{Code: Changed}
	})
	climb(t, blocks(64, h), func(l *ladder) {
		l.run(`
			> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0001 t=01 Block1=0/1/64
			> CON PUT #0002 t=02 /x Block1=0/1/64 [0:64]
			< ACK 2.31 #0002 t=02 Block1=0/1/64
			> CON PUT #0003 t=02 /x Block1=1/0/64 [64:70]
			< ACK 2.04 #0003 t=02 Block1=1/0/64
		`)
		var broken *BlockError
		require.ErrorAs(t, <-errs, &broken)
		require.EqualValues(t, 64, broken.Offset)
		require.NoError(t, <-errs)
	})
}

// TestUploadsApartByRequestTag: RFC 9175 §3.
func TestUploadsApartByRequestTag(t *testing.T) {
	play(t, blocks(16, HandlerFunc(takeBody)), `
		> CON PUT #0001 t=01 /x Block1=0/1/16 RequestTag=01 [0:16]
		< ACK 2.31 #0001 t=01 Block1=0/1/16
		> CON PUT #0002 t=02 /x Block1=0/1/16 [0:16]
		< ACK 2.31 #0002 t=02 Block1=0/1/16
		> CON PUT #0003 t=03 /x Block1=1/0/16 RequestTag=01 [16:18]
		< ACK 2.04 #0003 t=03 Block1=1/0/16 "taken"
		> CON PUT #0004 t=04 /x Block1=1/0/16 [16:20]
		< ACK 2.04 #0004 t=04 Block1=1/0/16 "taken"
	`)
}

// TestConcurrentUploadsAreTagged: our client marks the second upload with the
// same options.
func TestConcurrentUploadsAreTagged(t *testing.T) {
	climb(t, blocks(1024, nil), func(l *ladder) {
		first := l.do(l.t.Context(), put("x", 1025))
		l.run(`< CON PUT #a t=$a /x Block1=0/1/1024 [0:1024]`)
		second := l.do(l.t.Context(), put("x", 1025))
		l.run(`
			< CON PUT #b t=$b /x Block1=0/1/1024 RequestTag=01 [0:1024]
			> ACK 2.31 #a t=$a Block1=0/1/1024
			< CON PUT #c t=$a /x Block1=1/0/1024 [1024:1025]
			> ACK 2.31 #b t=$b Block1=0/1/1024
			< CON PUT #d t=$b /x Block1=1/0/1024 RequestTag=01 [1024:1025]
			> ACK 2.04 #c t=$a Block1=1/0/1024
			> ACK 2.04 #d t=$b Block1=1/0/1024
		`)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-second).err)
	})
}

// TestSmallerFirstBlockAfter413: RFC 7959 §2.9.3, with the block size hint.
func TestSmallerFirstBlockAfter413(t *testing.T) {
	got := ask(t, blocks(1024, nil), put("x", 1030), `
		< CON PUT #a t=$t /x Block1=0/1/1024 [0:1024]
		> ACK 4.13 #a t=$t Block1=0/1/512
		< CON PUT #b t=$t /x Block1=0/1/512 [0:512]
		> ACK 2.31 #b t=$t Block1=0/1/512
		< CON PUT #c t=$t /x Block1=1/1/512 [512:1024]
		> ACK 2.31 #c t=$t Block1=1/1/512
		< CON PUT #d t=$t /x Block1=2/0/512 [1024:1030]
		> ACK 2.04 #d t=$t Block1=2/0/512
	`)
	require.Equal(t, outcome{Changed, "", nil}, got)
}

// TestEarlyAnswerToUpload: a handler that refuses without reading the body.
func TestEarlyAnswerToUpload(t *testing.T) {
	play(t, blocks(64, answer(Unauthorized, "no")), `
		> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
		< ACK 2.31 #0001 t=01 Block1=0/1/64
		> CON PUT #0002 t=01 /x Block1=1/1/64 [64:128]
		< ACK 4.01 #0002 t=01 Block1=1/0/64 "no"
		> CON PUT #0002 t=01 /x Block1=1/1/64 [64:128]
		< ACK 4.01 #0002 t=01 Block1=1/0/64 "no"
	`)
	t.Run("client stops", func(t *testing.T) {
		got := ask(t, blocks(64, nil), put("x", 1000), `
			< CON PUT #a t=$t /x Block1=0/1/64 [0:64]
			> ACK 4.01 #a t=$t Block1=0/0/64 "no"
			~ 100s
		`)
		require.Equal(t, outcome{Unauthorized, "no", nil}, got)
	})
}

// TestSlowReaderHoldsUpload: blocks are acknowledged when there is room for them,
// on their own after the delay of an empty acknowledgement.
func TestSlowReaderHoldsUpload(t *testing.T) {
	h := slowly(32*time.Second, takeBody)
	play(t, blocks(1024, h), `
		> CON PUT #0001 t=01 /x Block1=0/1/1024 [0:1024]
		< ACK 2.31 #0001 t=01 Block1=0/1/1024
		> CON PUT #0002 t=01 /x Block1=1/1/1024 [1024:2048]
		< ACK 2.31 #0002 t=01 Block1=1/1/1024
		> CON PUT #0003 t=01 /x Block1=2/1/1024 [2048:3072]
		< ACK 2.31 #0003 t=01 Block1=2/1/1024
		> CON PUT #0004 t=01 /x Block1=3/1/1024 [3072:4096]
		< ACK 2.31 #0004 t=01 Block1=3/1/1024
		> CON PUT #0005 t=01 /x Block1=4/1/1024 [4096:5120]
		< ACK EMPTY #0005                                    @1s..1s
		> CON PUT #0005 t=01 /x Block1=4/1/1024 [4096:5120]
		< ACK EMPTY #0005
		~ 30s
		< CON 2.31 #a t=01 Block1=4/1/1024                   @1s..1s
		> ACK EMPTY #a
		> CON PUT #0006 t=01 /x Block1=5/0/1024 [5120:5121]
		< ACK 2.04 #0006 t=01 Block1=5/0/1024 "taken"
	`)
}

// TestSlowHandlerOfUpload: when the body is there it is not the peer that is idle.
func TestSlowHandlerOfUpload(t *testing.T) {
	play(t, blocks(64, slowly(200*time.Second, takeBody)), `
		> CON PUT #0001 t=01 /x Block1=0/1/64 [0:64]
		< ACK 2.31 #0001 t=01 Block1=0/1/64
		> CON PUT #0002 t=01 /x Block1=1/0/64 [64:100]
		< ACK EMPTY #0002                               @1s..1s
		< CON 2.04 #a t=01 Block1=1/0/64 "taken"        @199s..199s
		> ACK EMPTY #a
		~ 100s
	`)
}
