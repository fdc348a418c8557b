package endpoint

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// roamer is a layer below whose peer moves.
type roamer struct {
	mu       sync.Mutex
	id       uint32
	room     int
	verified bool
}

func (p *roamer) PathState() (uint32, int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id, p.room, p.verified
}

func (p *roamer) PathVerified(id uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.verified = p.verified || id == p.id
	return id == p.id
}

func (p *roamer) moves(room int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id, p.room, p.verified = p.id+1, room, false
}

func (p *roamer) isVerified() bool {
	_, _, verified := p.PathState()
	return verified
}

// bodies answers with as many bytes as the last segment of the path asks for, after a
// second for each that the query has.
func bodies(_ context.Context, r *Request) *Response {
	time.Sleep(time.Duration(len(r.Options.GetAll(URIQuery))) * 3 * time.Second)
	size := map[string]int{"small": 20, "large": 200, "huge": 3000}[string(r.Options.GetAll(URIPath)[0])]
	return &Response{Code: Content, Body: strings.NewReader(string(testBody(size))), Size: int64(size)}
}

func roam(t *testing.T, f func(l *ladder, p *roamer)) {
	p := &roamer{verified: true}
	climb(t, Config{Profile: testProfile(), Handler: HandlerFunc(bodies), Paths: p}, func(l *ladder) { f(l, p) })
}

// What fits is answered without a word, as on a path that is verified; for the rest
// the peer is asked once.
func TestPathCheck(t *testing.T) {
	roam(t, func(l *ladder, p *roamer) {
		l.run(`
			> CON GET #0001 t=01 /large
			< ACK 2.05 #0001 t=01 [0:200]
		`)
		p.moves(150)
		l.run(`
			> CON GET #0002 t=02 /small
			< ACK 2.05 #0002 t=02 [0:20]
			~ 10s
			> CON GET #0003 t=03 /large
			< CON EMPTY #p t=
			> RST EMPTY #p t=
			< ACK 2.05 #0003 t=03 [0:200]
		`)
		require.True(l.t, p.isVerified())
		l.run(`
			> CON GET #0004 t=04 /large
			< ACK 2.05 #0004 t=04 [0:200]
		`)
	})
}

// While the peer does not answer, nothing large goes; the request is acknowledged
// meanwhile.
func TestPathCheckUnanswered(t *testing.T) {
	roam(t, func(l *ladder, p *roamer) {
		p.moves(150)
		l.run(`
			> CON GET #0003 t=03 /large
			< CON EMPTY #p t=
			< ACK EMPTY #0003  @1s..1s
			< CON EMPTY #p t=  @1s..1s
			> RST EMPTY #p t=
			< CON 2.05 #r t=03 [0:200]
			> ACK EMPTY #r
		`)
		require.True(l.t, p.isVerified())
	})
}

// A peer that moves on while it is asked is asked again where it is then; an answer to
// what went to both places shows nothing.
func TestPathCheckOfMovingPeer(t *testing.T) {
	roam(t, func(l *ladder, p *roamer) {
		p.moves(150)
		l.run(`
			> CON GET #0003 t=03 /large
			< CON EMPTY #p t=
			< ACK EMPTY #0003  @1s..1s
		`)
		p.moves(150)
		l.run(`
			< CON EMPTY #p t=  @1s..1s
			> RST EMPTY #p t=
			< CON EMPTY #q t=
		`)
		require.False(l.t, p.isVerified())
		l.run(`
			> RST EMPTY #q t=
			< CON 2.05 #r t=03 [0:200]
			> ACK EMPTY #r
		`)
		require.True(l.t, p.isVerified())
	})
}

// The acknowledgement of a response that fits is enough, and so is none at all.
func TestPathVerifiedByAcknowledgement(t *testing.T) {
	roam(t, func(l *ladder, p *roamer) {
		p.moves(150)
		l.run(`
			> CON GET #0003 t=03 /small ?later
			< ACK EMPTY #0003  @1s..1s
			< CON 2.05 #r t=03 [0:20]  @2s..2s
			> ACK EMPTY #r
		`)
		require.True(l.t, p.isVerified())
	})
}

// A response that was sent to the old address and is kept back at the new one has the
// peer asked when it is heard, although the response holds the only place (NSTART).
func TestPathCheckForWhatIsUnderWay(t *testing.T) {
	roam(t, func(l *ladder, p *roamer) {
		l.run(`
			> CON GET #0003 t=03 /large ?later
			< ACK EMPTY #0003  @1s..1s
			< CON 2.05 #r t=03 [0:200]  @2s..2s
		`)
		p.moves(100)
		l.run(`
			> CON EMPTY #0004 t=
			< RST EMPTY #0004 t=
			< CON EMPTY #p t=
			> RST EMPTY #p t=
			< CON 2.05 #r t=03 [0:200]  @1s..2s
			> ACK EMPTY #r
		`)
		require.True(l.t, p.isVerified())
	})
}
