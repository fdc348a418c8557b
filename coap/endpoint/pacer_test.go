package endpoint

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/trace"
)

// TestPacing: a datagram leaves when the one before has left, the most urgent first.
func TestPacing(t *testing.T) {
	cfg := tenBytes()
	climb(t, cfg, func(l *ladder) {
		for _, r := range []struct {
			path     string
			priority Priority
		}{{"first", PriorityBulk}, {"bulk", PriorityBulk}, {"normal", PriorityNormal}, {"urgent", PriorityInteractive}} {
			req := putBytes(r.path, 50)
			req.Priority = r.priority
			l.do(l.t.Context(), req)
			synctest.Wait()
		}
		l.send("CON EMPTY #0001 t=") // a ping
		l.run(`
			< CON PUT #a t=$a /first Block2=0/0/64 [0:50]
			< RST EMPTY #0001 t= @6390ms..6390ms
			< CON PUT #b t=$b /urgent Block2=0/0/64 [0:50] @400ms..400ms
			< CON PUT #c t=$c /normal Block2=0/0/64 [0:50] @6500ms..6500ms
			< CON PUT #d t=$d /bulk Block2=0/0/64 [0:50] @6500ms..6500ms
		`)
	})
}

// TestNeedlessRetransmission: one that had to wait is not sent when the
// acknowledgement comes meanwhile.
func TestNeedlessRetransmission(t *testing.T) {
	climb(t, tenBytes(), func(l *ladder) {
		l.train()
		l.ping()
		l.run(`
			< CON EMPTY #a t=
			~ 12s
		`)
		long := make([]byte, 150)
		go func() { _ = l.conn.sendBulk(l.t.Context(), class{}, trace.Sent, long) }()
		synctest.Wait()
		_, ok := l.peer.next(0)
		require.True(t, ok)
		l.run(`
			~ 5s
			> RST EMPTY #a
			~ 10m
		`)
	})
}

// TestDuplicateIsAnsweredOnce while its answer waits.
func TestDuplicateIsAnsweredOnce(t *testing.T) {
	play(t, tenBytes(), `
		> CON EMPTY #0001 t=
		> CON EMPTY #0002 t=
		> CON EMPTY #0002 t=
		> CON EMPTY #0002 t=
		< RST EMPTY #0001 t=
		< RST EMPTY #0002 t= @390ms..390ms
		~ 10m
	`)
}

// TestSendBulk: who sends one message after the other fills the link and not its
// queue.
func TestSendBulk(t *testing.T) {
	climb(t, tenBytes(), func(l *ladder) {
		message := func(n int) []byte {
			data, err := AppendMessage(nil, &Message{Type: NonConfirmable, Code: Content, MessageID: uint16(n), Payload: testBody(95)})
			require.NoError(t, err)
			return data
		}
		ctx, cancel := context.WithCancel(l.t.Context())
		over := make(chan error, 1)
		sent := 0
		go func() {
			for {
				if err := l.conn.sendBulk(ctx, class{priority: PriorityBulk}, trace.Sent, message(sent)); err != nil {
					over <- err
					return
				}
				sent++
			}
		}()
		time.Sleep(95 * time.Second) // virtual; ten seconds each
		synctest.Wait()
		require.Equal(t, 10, sent)
		l.ping() // goes next
		synctest.Wait()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		require.Equal(t, 11, sent, "the ping takes less than a second")
		cancel()
		require.ErrorIs(t, <-over, context.Canceled)
		require.Zero(t, l.conn.out.line.count)
		for range 10 {
			_, ok := l.peer.next(0)
			require.True(t, ok)
		}
		l.run(`< CON EMPTY #a t=`)

		go func() { over <- l.conn.sendBulk(l.t.Context(), class{}, trace.Sent, message(0)) }()
		synctest.Wait()
		l.conn.Close()
		require.ErrorIs(t, <-over, ErrClosed)
	})
}
