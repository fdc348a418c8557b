package endpoint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// known plays steps against a session that knows its peer for a coapgw.
func known(t *testing.T, cfg Config, f func(l *ladder)) {
	t.Helper()
	climb(t, cfg, func(l *ladder) {
		l.conn.SetPeer(testProfile())
		f(l)
	})
}

// TestQBlock2Ladder is a download of 13 blocks in both roles: the window of ten, a
// report that asks for a lost block, and the last report.
func TestQBlock2Ladder(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		known(t, blocks(16, serveBody(200)), func(l *ladder) {
			l.run(`
				> CON GET #0001 t=01 /x
				< ACK 2.05 #0001 t=01 QBlock2=0/1/16 [0:16]
				< NON 2.05 #b1 t=01 QBlock2=1/1/16 [16:32]
				< NON 2.05 #b2 t=01 QBlock2=2/1/16 [32:48]
				< NON 2.05 #b3 t=01 QBlock2=3/1/16 [48:64]
				< NON 2.05 #b4 t=01 QBlock2=4/1/16 [64:80]
				< NON 2.05 #b5 t=01 QBlock2=5/1/16 [80:96]
				< NON 2.05 #b6 t=01 QBlock2=6/1/16 [96:112]
				< NON 2.05 #b7 t=01 QBlock2=7/1/16 [112:128]
				< NON 2.05 #b8 t=01 QBlock2=8/1/16 [128:144]
				< NON 2.05 #b9 t=01 QBlock2=9/1/16 [144:160]
				~ 10ms
				> NON GET #0002 t=01 QBlock2=2/0/16 QBlock2=4/1/16
				< NON 2.05 #b2 t=01 QBlock2=2/1/16 [32:48]
				~ 10ms
				> NON GET #0005 t=01 QBlock2=10/1/16
				< NON 2.05 #b10 t=01 QBlock2=10/1/16 [160:176]
				< NON 2.05 #b11 t=01 QBlock2=11/1/16 [176:192]
				< NON 2.05 #b12 t=01 QBlock2=12/0/16 [192:200]
				> NON GET #0003 t=01 QBlock2=13/1/16
				~ 1000s
				> CON GET #0004 t=01 QBlock2=13/1/16
				< ACK 4.08 #0004 t=01
			`)
			synctest.Wait()
			assert.Empty(l.t, l.conn.sending)
		})
	})
	t.Run("client", func(t *testing.T) {
		known(t, blocks(1024, nil), func(l *ladder) {
			result := l.do(l.t.Context(), get("x"))
			l.run(`
				< CON GET #a t=$t /x
				> NON 2.05 #0001 t=$t QBlock2=1/1/16 [16:32]
				> ACK 2.05 #a t=$t QBlock2=0/1/16 [0:16]
				> NON 2.05 #0003 t=$t QBlock2=3/1/16 [48:64]
				> NON 2.05 #0004 t=$t QBlock2=4/1/16 [64:80]
				< NON GET #r1 t=$t QBlock2=2/0/16 QBlock2=5/1/16
				> NON 2.05 #0004 t=$t QBlock2=4/1/16 [64:80]
				> NON 2.05 #0005 t=$t QBlock2=5/0/16 [80:90]
				< NON GET #r2 t=$t QBlock2=2/0/16 QBlock2=6/1/16 @10ms..10ms
				< CON GET #p t=$t QBlock2=2/0/16 QBlock2=6/1/16 @2s..2s
				> ACK 2.05 #p t=$t QBlock2=2/1/16 [32:48]
				< NON GET #r3 t=$t QBlock2=6/1/16
				~ 100s
			`)
			require.Equal(t, outcome{Content, string(testBody(90)), nil}, <-result)
		})
	})
}

// TestQBlock1Ladder is an upload in both roles: the last block is confirmable, and its
// acknowledgement carries the report.
func TestQBlock1Ladder(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		known(t, blocks(1024, HandlerFunc(takeBody)), func(l *ladder) {
			l.run(`
				> NON PUT #0002 t=01 QBlock1=1/1/16 [16:32]
				> NON PUT #0001 t=01 /x QBlock1=0/1/16 Size1=60 [0:16]
				> NON PUT #0001 t=01 /x QBlock1=0/1/16 Size1=60 [0:16]
				> CON PUT #0004 t=01 QBlock1=3/0/16 [48:60]
			`)
			l.expectReport(4, progress{next: 4, missing: []uint32{2}})
			l.run(`
				> NON PUT #0003 t=01 QBlock1=2/1/16 [32:48]
				< CON 2.04 #x t=01 "taken"
				> ACK EMPTY #x
				> NON PUT #0003 t=01 QBlock1=2/1/16 [32:48]
				> NON PUT #0001 t=01 /x QBlock1=0/1/16 Size1=60 [0:16]
				~ 10s
			`)
		})
	})
	t.Run("client", func(t *testing.T) {
		known(t, blocks(16, nil), func(l *ladder) {
			result := l.do(l.t.Context(), put("x", 60))
			l.run(`
				< NON PUT #a t=$t /x QBlock1=0/1/16 [0:16]
				< NON PUT #b t=$t QBlock1=1/1/16 [16:32]
				< NON PUT #c t=$t QBlock1=2/1/16 [32:48]
				< CON PUT #d t=$t QBlock1=3/0/16 [48:60]
			`)
			l.raw(reportOn(l, "d", progress{next: 4, missing: []uint32{0, 2}}))
			l.run(`
				< NON PUT #a t=$t /x QBlock1=0/1/16 [0:16]
				< NON PUT #c t=$t QBlock1=2/1/16 [32:48]
				> CON 2.04 #0009 t=$t [0:9]
				< ACK EMPTY #0009
				~ 100s
			`)
			require.Equal(t, outcome{Changed, string(testBody(9)), nil}, <-result)
		})
	})
}

// expectReport expects the acknowledgement with a report on the message of that ID.
func (l *ladder) expectReport(mid uint16, p progress) {
	l.t.Helper()
	data, ok := l.peer.next(0)
	require.True(l.t, ok)
	got, err := ParseMessage(data)
	require.NoError(l.t, err)
	want := p.qBlock1(0)
	want.Type, want.MessageID, want.Token = Acknowledgement, mid, got.Token
	require.Equal(l.t, describe(want), describe(&got))
}

// reportOn acknowledges the message of that name with a report.
func reportOn(l *ladder, name string, p progress) []byte {
	m := p.qBlock1(0)
	m.Type, m.MessageID, m.Token = Acknowledgement, l.mids[name], l.toks["$t"]
	data, err := AppendMessage(nil, m)
	require.NoError(l.t, err)
	return data
}

// TestBulkNeedsACoapgw: towards anyone else the options of RFC 9177 are unknown, and
// bodies travel by RFC 7959.
func TestBulkNeedsACoapgw(t *testing.T) {
	play(t, blocks(16, serveBody(40)), `
		> CON GET #0001 t=01 /x
		< ACK 2.05 #0001 t=01 Block2=0/1/16 [0:16]
		> NON GET #0002 t=01 QBlock2=1/1/16
		~ 1s
		> CON PUT #0003 t=02 /x QBlock1=0/1/16 [0:16]
		< ACK 4.02 #0003 t=02 "RFC 9177"
	`)
}

// TestBulkPeerVanishes: who waits for a peer that is gone is told, and what was kept
// for it is forgotten.
func TestBulkPeerVanishes(t *testing.T) {
	wait := testProfile().MaxTransmitWait()
	t.Run("the server, in a download", func(t *testing.T) {
		known(t, blocks(1024, nil), func(l *ladder) {
			result := l.do(l.t.Context(), get("x"))
			l.run(`
				< CON GET #a t=$t /x
				> ACK 2.05 #a t=$t QBlock2=0/1/16 [0:16]
			`)
			time.Sleep(2 * wait)
			assert.ErrorIs(t, (<-result).err, ErrTimeout)
		})
	})
	t.Run("the server, in an upload", func(t *testing.T) {
		known(t, blocks(16, nil), func(l *ladder) {
			result := l.do(l.t.Context(), put("x", 60))
			time.Sleep(2 * wait)
			assert.ErrorIs(t, (<-result).err, ErrTimeout)
		})
	})
	t.Run("the client, in a download", func(t *testing.T) {
		body := &closer{io.MultiReader(bytes.NewReader(testBody(10_000))), make(chan struct{})}
		h := HandlerFunc(func(context.Context, *Request) *Response {
			return &Response{Code: Content, Body: body, Size: -1}
		})
		known(t, blocks(16, h), func(l *ladder) {
			l.run("> CON GET #0001 t=01 /x")
			time.Sleep(4 * wait)
			synctest.Wait()
			assert.Empty(t, l.conn.sending)
			<-body.closed
		})
	})
	t.Run("the client, in an upload", func(t *testing.T) {
		var err error
		h := HandlerFunc(func(_ context.Context, r *Request) *Response {
			_, err = io.Copy(io.Discard, r.Body)
			return &Response{Code: BadRequest}
		})
		known(t, blocks(16, h), func(l *ladder) {
			l.run("> NON PUT #0001 t=01 /x QBlock1=0/1/16 [0:16]")
			time.Sleep(6 * wait)
			synctest.Wait()
			var spoiled *BlockError
			assert.ErrorAs(t, err, &spoiled)
			assert.Empty(t, l.conn.gets)
		})
	})
}

// TestBulkClosedEarly: a reader that lets go tells the server, in one message.
func TestBulkClosedEarly(t *testing.T) {
	known(t, blocks(1024, nil), func(l *ladder) {
		done := make(chan error, 1)
		go func() {
			resp, err := l.conn.Do(l.t.Context(), get("x"))
			done <- errors.Join(err, resp.Body.(io.Closer).Close())
		}()
		l.run(`
			< CON GET #a t=$t /x
			> ACK 2.05 #a t=$t QBlock2=0/1/16 [0:16]
			< NON GET #b t=$t QBlock2=1048575/1/16
			> NON 2.05 #0001 t=$t QBlock2=1/1/16 [16:32]
			~ 100s
		`)
		assert.NoError(t, <-done)
	})
}

// TestHostileBulk: whatever a peer sends of bodies in blocks, memory is bounded and
// the session serves on.
func TestHostileBulk(t *testing.T) {
	stuck := HandlerFunc(func(ctx context.Context, r *Request) *Response {
		if path, _ := r.Options.Get(URIPath); string(path) == "ok" {
			return &Response{Code: Content}
		}
		<-ctx.Done()
		return nil
	})
	known(t, blocks(1024, stuck), func(l *ladder) {
		payload := testBody(1024)
		for i := range 2000 {
			m := Message{Type: NonConfirmable, Code: PUT, MessageID: uint16(i), Token: []byte{byte(i), byte(i >> 8)}, Payload: payload}
			m.Options = Options{}.AddUint(QBlock1, block{num: uint32(i * 7919 % maxBlocks), more: true, szx: 6}.value())
			data, err := AppendMessage(nil, &m)
			require.NoError(t, err)
			l.conn.receive(data)
		}
		for i := range 6000 { // one body, as far ahead as it goes
			m := Message{Type: NonConfirmable, Code: PUT, MessageID: uint16(i), Token: []byte{1}, Payload: payload}
			m.Options = Options{}.AddUint(QBlock1, block{num: uint32(i), more: true, szx: 6}.value())
			data, err := AppendMessage(nil, &m)
			require.NoError(t, err)
			l.conn.receive(data)
		}
		for range 200 {
			m := Message{Type: NonConfirmable, Code: GET, Token: []byte{2}}
			for num := range uint32(200) {
				m.Options = m.Options.AddUint(QBlock2, block{num: num * 5000, more: num%2 == 0, szx: uint8(num % 8)}.value())
			}
			data, err := AppendMessage(nil, &m)
			require.NoError(t, err)
			l.conn.receive(data)
		}
		held := 0
		for _, g := range l.conn.gets {
			held += g.g.waiting + g.g.ahead
		}
		assert.LessOrEqual(t, held, maxSessionBytes+maxGets*leastShare)
		assert.LessOrEqual(t, len(l.conn.gets), maxGets)
		for _, ok := l.peer.next(0); ok; _, ok = l.peer.next(0) {
		}
		l.run(`
			> CON GET #0001 t=aabbcc /ok
			< ACK 2.05 #0001 t=aabbcc
		`)
	})
}

// TestPeerForgotUpload: a peer that has lost what came of a body, and can never have
// its first block again, does not make the sender repeat itself for ever.
func TestPeerForgotUpload(t *testing.T) {
	known(t, blocks(16, nil), func(l *ladder) {
		result := l.do(l.t.Context(), put("x", 400))
		for range 10 {
			_, ok := l.peer.next(0)
			require.True(l.t, ok)
		}
		token := []byte{0}
		say := func(m *Message) {
			m.Token = token
			data, err := AppendMessage(nil, m)
			require.NoError(l.t, err)
			l.raw(data)
		}
		m := progress{next: 10}.qBlock1(0)
		m.Type = NonConfirmable
		say(m)
		begun := time.Now()
		for time.Since(begun) < time.Hour && len(result) == 0 {
			data, ok := l.peer.next(time.Minute)
			if !ok {
				continue
			}
			got, err := ParseMessage(data)
			require.NoError(l.t, err)
			b, _, _ := blockOption(got.Options, QBlock1)
			if got.Type == Confirmable { // it has this block, and nothing else
				p := progress{next: b.num + 1}
				for num := range b.num {
					p.missing = append(p.missing, num)
				}
				m := p.qBlock1(0)
				m.Type, m.MessageID = Acknowledgement, got.MessageID
				say(m)
			}
		}
		require.Len(l.t, result, 1)
		var forgotten *BlockError
		require.ErrorAs(l.t, (<-result).err, &forgotten)
	})
}
