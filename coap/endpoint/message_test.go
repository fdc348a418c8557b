package endpoint

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/udp/coder"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMessageGolden(t *testing.T) {
	tests := []struct {
		name string
		m    Message
		wire []byte
	}{
		{"empty", Message{Type: Reset, MessageID: 0x1234}, []byte{0x70, 0, 0x12, 0x34}},
		{"RFC 7252 figure 16", Message{Type: Confirmable, Code: GET, MessageID: 0x7d34,
			Options: Options{}.AddString(URIPath, "temperature")},
			append([]byte{0x40, 1, 0x7d, 0x34, 0xbb}, "temperature"...)},
		{"RFC 7252 figure 17", Message{Type: Acknowledgement, Code: Content, MessageID: 0x7d35, Token: []byte{0x20},
			Payload: []byte("22.3 C")},
			append([]byte{0x61, 0x45, 0x7d, 0x35, 0x20, 0xff}, "22.3 C"...)},
		{"extended delta and length", Message{Code: POST, MessageID: 1,
			Options: Options{{Number: 0xffff, Value: make([]byte, 300)}}},
			append([]byte{0x40, 2, 0, 1, 0xee, 0xfe, 0xf2, 0, 31}, make([]byte, 300)...)},
		{"ends in 0xff that is no marker", Message{Code: POST, MessageID: 1,
			Options: Options{{Number: ETag, Value: []byte{0xff}}, {Number: 4 + 13 + 255}}},
			[]byte{0x40, 2, 0, 1, 0x41, 0xff, 0xd0, 0xff}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wire, err := AppendMessage(nil, &tt.m)
			require.NoError(t, err)
			require.Equal(t, tt.wire, wire)
			require.Equal(t, tt.m.Options.EncodedSize(), optionBytes(&tt.m, wire))
			m, err := ParseMessage(wire)
			require.NoError(t, err)
			require.Equal(t, describe(&tt.m), describe(&m))
		})
	}
}

// optionBytes is what options take of an encoded message.
func optionBytes(m *Message, wire []byte) int {
	n := len(wire) - headerLen - len(m.Token)
	if len(m.Payload) > 0 {
		n -= 1 + len(m.Payload)
	}
	return n
}

func TestAppendMessageRefuses(t *testing.T) {
	for _, m := range []Message{
		{Token: make([]byte, 9)},
		{Options: Options{{Number: 4}, {Number: 3}}},
	} {
		_, err := AppendMessage(nil, &m)
		var format *FormatError
		require.ErrorAs(t, err, &format)
	}
}

// TestManyOptions: more than are usual.
func TestManyOptions(t *testing.T) {
	m := Message{Type: Confirmable, Code: GET}
	for range 300 {
		m.Options = m.Options.AddString(URIPath, "s")
	}
	wire, err := AppendMessage([]byte("prefix"), &m)
	require.NoError(t, err)
	got, err := ParseMessage(wire[6:])
	require.NoError(t, err)
	require.Equal(t, m.Options, got.Options)
}

func TestMessageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytesOf := func(label string, max int) []byte { return rapid.SliceOfN(rapid.Byte(), 0, max).Draw(t, label) }
		m := Message{
			Type:      Type(rapid.IntRange(0, 1).Draw(t, "type")),
			Code:      Code(rapid.SampledFrom([]int{1, 2, 7, 69, 132, 160}).Draw(t, "code")),
			MessageID: rapid.Uint16().Draw(t, "mid"),
			Token:     bytesOf("token", 8),
			Payload:   bytesOf("payload", 50),
		}
		for range rapid.IntRange(0, 20).Draw(t, "options") {
			m.Options = m.Options.Add(OptionNumber(rapid.IntRange(1, 65535).Draw(t, "number")), bytesOf("value", 300))
		}
		wire, err := AppendMessage(nil, &m)
		require.NoError(t, err)
		require.Equal(t, m.Options.EncodedSize(), optionBytes(&m, wire))
		got, err := ParseMessage(wire)
		require.NoError(t, err)
		require.Equal(t, describe(&m), describe(&got))
	})
}

// FuzzParseMessage: no datagram makes the decoder panic; what it accepts encodes
// to the same meaning, and go-coap's coder agrees on it.
func FuzzParseMessage(f *testing.F) {
	f.Add([]byte{0x40, 0, 0, 1})
	f.Add(append([]byte{0x42, 1, 0x7d, 0x34, 1, 2, 0xbb}, "temperature\xff payload"...))
	f.Add([]byte{0x61, 0x45, 0x7d, 0x35, 0x20, 0xff})
	f.Add([]byte{0x40, 2, 0, 1, 0xee, 0xfe, 0xf2, 0, 0, 1, 2, 3})
	f.Add([]byte{0x40, 2, 0, 1, 0x41, 0xff, 0xd0, 0xff})
	f.Add([]byte{0x40, 2, 0, 1, 0x01, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMessage(data)
		if err != nil {
			var format *FormatError
			if !errors.As(err, &format) {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		wire, err := AppendMessage(nil, &m)
		require.NoError(t, err)
		again, err := ParseMessage(wire)
		require.NoError(t, err)
		require.Equal(t, describe(&m), describe(&again))

		theirs := message.Message{Options: make(message.Options, 0, len(data))}
		if _, err := coder.DefaultCoder.Decode(data, &theirs); err != nil {
			t.Fatalf("go-coap refuses what we accept: %v", err)
		}
		require.Equal(t, int(m.Code), int(theirs.Code))
		require.Equal(t, int32(m.MessageID), theirs.MessageID)
		require.True(t, bytes.Equal(m.Token, theirs.Token))
		require.True(t, bytes.Equal(m.Payload, theirs.Payload))
		for _, o := range theirs.Options { // it drops options of illegal length
			require.Contains(t, m.Options.GetAll(OptionNumber(o.ID)), o.Value)
		}
	})
}

// FuzzSession: whatever arrives, the session answers the next request. The input
// is a sequence of datagrams, each behind its length; between them time passes.
func FuzzSession(f *testing.F) {
	sequence := func(datagrams ...[]byte) (seed []byte) {
		for _, d := range datagrams {
			seed = append(append(seed, byte(len(d))), d...)
		}
		return seed
	}
	f.Add(false, sequence([]byte{0x40, 1, 0, 1}, []byte{0x40, 0, 0, 2}, []byte{0x70, 0, 0, 1}))
	f.Add(false, sequence([]byte{0x41, 3, 0, 1, 1, 0xd1, 14, 0x08, 0xff, 1}, append([]byte{0x41, 3, 0, 2, 1, 0xd1, 14, 0x08, 0xff}, make([]byte, 16)...),
		append([]byte{0x41, 3, 0, 3, 1, 0xd1, 14, 0x18, 0xff}, make([]byte, 16)...), []byte{0x41, 3, 0, 4, 1, 0xd1, 14, 0x20, 0xff, 7}))
	f.Add(false, sequence([]byte{0x41, 1, 0, 1, 1, 0x60}, []byte{0x41, 1, 0, 2, 1, 0x61, 1}, []byte{0x41, 1, 0, 3, 1, 0xd1, 10, 0x10}))
	f.Add(false, sequence([]byte{0x61, 0x45, 0, 1, 0}, []byte{0x41, 0x45, 0, 1, 0}, []byte{0x51, 0x45, 0, 1, 0, 0x61, 5}))
	// Q-Block1 out of order with its end, and Q-Block2 with a report.
	f.Add(true, sequence(append([]byte{0x51, 3, 0, 2, 1, 0xd1, 6, 0x18, 0xff}, make([]byte, 16)...), append([]byte{0x51, 3, 0, 1, 1, 0xd1, 6, 0x08, 0xff}, make([]byte, 16)...),
		[]byte{0x41, 3, 0, 4, 1, 0xd1, 6, 0x30, 0xff, 7}, append([]byte{0x51, 3, 0, 3, 1, 0xd1, 6, 0x28, 0xff}, make([]byte, 16)...)))
	f.Add(true, sequence([]byte{0x41, 1, 0, 1, 1}, []byte{0x51, 1, 0, 2, 1, 0xd1, 18, 0x20, 1, 0x68}, []byte{0x41, 1, 0, 3, 1, 0xd1, 18, 0x48}))
	f.Add(true, sequence(append([]byte{0x51, 0x45, 0, 1, 0, 0xd1, 18, 0x18, 0xff}, make([]byte, 16)...), append([]byte{0x41, 0x45, 0, 2, 0, 0xd1, 18, 0x08, 0xff}, make([]byte, 16)...),
		append([]byte{0x51, 0x88, 0, 3, 1, 0xc2, 1, 0x10, 0x72, 0x28, 0xff}, 0, 1), []byte{0x51, 0x5f, 0, 4, 1, 0xd1, 6, 0x78}))
	f.Fuzz(func(t *testing.T, known bool, input []byte) {
		synctest.Test(t, func(t *testing.T) {
			p := newPublisher()
			h := &fuzzHandler{publisher: p}
			cfg := Config{Profile: testProfile(), Handler: h, MaxBody: 1 << 12}
			cfg.Profile.BlockSize = 16
			ours, theirs := datagramPipe()
			c := New(ours, cfg)
			defer c.Wait()
			defer c.Close()
			if known { // bodies travel by RFC 9177
				c.SetPeer(cfg.Profile)
			}
			go func() {
				if resp, err := c.Do(t.Context(), get("x")); err == nil {
					bytes.NewBuffer(nil).ReadFrom(resp.Body)
				}
			}()
			go c.Do(t.Context(), put("z", 100))
			go c.Observe(t.Context(), get("y"), func(*Response) error { return nil })
			for n := 0; len(input) > 0 && n < 100; n++ {
				size := min(int(input[0]), len(input)-1)
				theirs.Write(input[1 : 1+size])
				input = input[1+size:]
				synctest.Wait()
				time.Sleep(time.Duration(size) * time.Millisecond)
			}
			time.Sleep(10 * time.Minute)
			for len(theirs.in) > 0 {
				<-theirs.in
			}
			theirs.Write([]byte{0x48, 1, 0xfe, 0xdc, 1, 2, 3, 4, 5, 6, 7, 8})
			synctest.Wait()
			reply, ok := theirs.next(time.Second)
			require.True(t, ok)
			require.Equal(t, []byte{0x68, 0x45, 0xfe, 0xdc, 1, 2, 3, 4, 5, 6, 7, 8}, reply[:12])
		})
	})
}

// fuzzHandler lets itself be observed, takes bodies and sends long ones.
type fuzzHandler struct{ publisher *publisher }

func (h *fuzzHandler) Admit(r *Request) func(context.Context) *Response {
	if r.Code == GET && r.Observe == ObserveRegister {
		return h.publisher.Admit(r)
	}
	return func(ctx context.Context) *Response {
		if r.Code == GET {
			return serveBody(100)(ctx, r)
		}
		return takeBody(ctx, r)
	}
}
