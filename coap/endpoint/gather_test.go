package endpoint

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestGatheringInAnyOrder: blocks that come in any order, lost ones again when they
// are asked for, make the body; and no report asks for a block that came.
func TestGatheringInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		szx := rapid.Uint8Range(0, 2).Draw(t, "szx")
		size := block{szx: szx}.size()
		body := testBody(rapid.IntRange(1, 40*size).Draw(t, "length"))
		last := uint32((len(body) - 1) / size)
		g := gathering{limit: 1 << 20}
		var got bytes.Buffer
		now := time.Unix(0, 0)
		for asked := (progress{next: 0}); !g.complete(); {
			pending := append([]uint32{}, asked.missing...)
			for num := asked.next; num <= last && num < asked.next+10; num++ {
				pending = append(pending, num)
			}
			for _, num := range rapid.Permutation(pending).Draw(t, "order") {
				if rapid.IntRange(0, 3).Draw(t, "fate") == 0 {
					continue
				}
				end := min(int(num+1)*size, len(body))
				had := g.has(num)
				fresh, err := g.add(block{num: num, more: num < last, szx: szx}, body[int(num)*size:end], now)
				if err != nil || fresh == had {
					t.Fatalf("block %d: fresh %v, had %v, %v", num, fresh, had, err)
				}
			}
			p := make([]byte, rapid.IntRange(0, 200).Draw(t, "read"))
			got.Write(p[:g.read(p)])
			asked = g.progress(now, rapid.IntRange(1, 20).Draw(t, "limit"))
			for _, num := range asked.missing {
				if g.has(num) {
					t.Fatalf("asked for block %d that came", num)
				}
			}
		}
		rest := make([]byte, len(body)+1)
		got.Write(rest[:g.read(rest)])
		if !bytes.Equal(body, got.Bytes()) {
			t.Fatal("not the body that was sent")
		}
	})
}

// TestGatheringIsStrict: blocks that contradict each other end the body, and those far
// ahead cost nothing.
func TestGatheringIsStrict(t *testing.T) {
	full, now := make([]byte, 16), time.Unix(0, 0)
	tests := []struct {
		name    string
		blocks  []block
		payload []byte
	}{
		{"another size", []block{{0, true, 0}, {1, true, 1}}, full},
		{"short", []block{{0, true, 0}}, full[:15]},
		{"long", []block{{0, false, 0}}, make([]byte, 17)},
		{"empty", []block{{0, false, 0}}, nil},
		{"behind the last", []block{{3, false, 0}, {4, true, 0}}, full},
		{"another last", []block{{3, false, 0}, {2, false, 0}}, full},
		{"last below the highest", []block{{3, true, 0}, {2, false, 0}}, full},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := gathering{limit: 1 << 20}
			var err error
			for _, b := range tt.blocks {
				require.NoError(t, err)
				_, err = g.add(b, tt.payload, now)
			}
			var spoiled *BlockError
			assert.ErrorAs(t, err, &spoiled)
		})
	}
	g := gathering{limit: 64}
	for _, num := range []uint32{0, 5, 2 * maxWindowBlocks, maxBlocks - 2} {
		fresh, err := g.add(block{num, true, 0}, full, now)
		assert.NoError(t, err)
		assert.Equal(t, num == 0, fresh)
	}
	for num := uint32(2); num < 100; num++ {
		_, err := g.add(block{num, true, 0}, full, now)
		assert.NoError(t, err)
	}
	assert.LessOrEqual(t, g.waiting+g.ahead, 64)
	assert.Len(t, g.holes, 1)
	fresh, err := g.add(block{1, true, 0}, full, now)
	assert.NoError(t, err)
	assert.True(t, fresh, "what the reader waits for has room always")
}

// TestSendWindow: whatever is reported, what is flying, lost and arrived adds up, and
// a peer that reports the truth gets everything.
func TestSendWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Uint32Range(1, 60).Draw(t, "blocks")
		var w sendWindow
		has := map[uint32]bool{}
		now := time.Unix(0, 0)
		for steps := 0; !w.complete(); steps++ {
			if steps > 5000 {
				t.Fatal("no progress")
			}
			now = now.Add(time.Second)
			for n := rapid.IntRange(0, 5).Draw(t, "add"); n > 0 && !w.ended && len(w.blocks) < 20; n-- {
				w.add([]byte{1}, w.next() < total-1, 0)
			}
			for num, ok := w.firstLost(); ok; num, ok = w.firstLost() {
				w.send(num, now)
				has[num] = has[num] || rapid.Bool().Draw(t, "arrives")
			}
			p := progress{}
			for ; p.next < total && p.next <= w.next(); p.next++ {
				if !has[p.next] {
					p.missing = append(p.missing, p.next)
				}
			}
			for len(p.missing) > 0 && p.missing[len(p.missing)-1] == p.next-1 {
				p.next, p.missing = p.next-1, p.missing[:len(p.missing)-1]
			}
			if rapid.IntRange(0, 5).Draw(t, "lie") == 0 { // an old report
				p.next /= 2
				for len(p.missing) > 0 && p.missing[len(p.missing)-1] >= p.next {
					p.missing = p.missing[:len(p.missing)-1]
				}
			}
			w.report(p, now.Add(time.Second), 0, 0)
			flying, lost := 0, 0
			for _, b := range w.blocks {
				switch {
				case b.lost:
					lost++
				case !b.arrived:
					flying++
				}
			}
			if flying != w.flying || lost != w.lost {
				t.Fatalf("%d flying and %d lost, counted %d and %d", flying, lost, w.flying, w.lost)
			}
			for num := range w.base {
				if !has[num] {
					t.Fatalf("block %d forgotten and not there", num)
				}
			}
		}
		if w.base != total {
			t.Fatalf("ended at %d of %d", w.base, total)
		}
	})
}

// TestProgressOnTheWire: reports survive both ways of writing them.
func TestProgressOnTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		szx := rapid.Uint8Range(0, maxSZX).Draw(t, "szx")
		p := progress{next: rapid.Uint32Range(0, maxBlocks-1).Draw(t, "next")}
		for num := uint32(0); len(p.missing) < 20; {
			num += rapid.Uint32Range(1, 1<<18).Draw(t, "gap")
			if num >= p.next {
				break
			}
			p.missing = append(p.missing, num)
		}
		got, ok := qBlock2Progress(p.qBlock2(szx), szx)
		if !ok || !assert.ObjectsAreEqual(p, got) {
			t.Fatalf("%v became %v by Q-Block2", p, got)
		}
		got, ok = qBlock1Progress(p.qBlock1(szx), szx)
		if !ok || !assert.ObjectsAreEqual(p, got) {
			t.Fatalf("%v became %v by Q-Block1", p, got)
		}
	})
}

// TestProgressBytes: what implementers of docs/wire-v1.md compare with.
func TestProgressBytes(t *testing.T) {
	p := progress{next: 40, missing: []uint32{7, 30}}
	wire, err := AppendMessage(nil, &Message{Type: NonConfirmable, Code: GET, MessageID: 1, Token: []byte{5}, Options: p.qBlock2(6)})
	require.NoError(t, err)
	assert.Equal(t, []byte{0x51, 1, 0, 1, 5, 0xd1, 31 - 13, 0x76, 0x02, 0x01, 0xe6, 0x02, 0x02, 0x8e}, wire)
	m := p.qBlock1(6)
	m.Type, m.MessageID, m.Token = NonConfirmable, 1, []byte{5}
	wire, err = AppendMessage(nil, m)
	require.NoError(t, err)
	assert.Equal(t, []byte{0x51, 0x88, 0, 1, 5, 0xc2, 1, 0x10, 0x72, 0x02, 0x8e, 0xff, 7, 0x18, 30}, wire)
}

func FuzzMissingBlocks(f *testing.F) {
	f.Add([]byte{7, 0x18, 30})
	f.Add([]byte{0x19, 1})
	f.Add([]byte{0x1a, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		m := progress{next: maxBlocks - 1}.qBlock1(6)
		m.Code, m.Payload = RequestEntityIncomplete, payload
		p, ok := qBlock1Progress(m, 6)
		if !ok {
			return
		}
		require.LessOrEqual(t, len(p.missing), maxMissing)
		again, ok := qBlock1Progress(p.qBlock1(6), 6)
		require.True(t, ok)
		require.Equal(t, p, again)
	})
}
