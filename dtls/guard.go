package dtls

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// guard keeps what takes datagrams of anybody from ending the program, where Config.Recover
// is set.
type guard struct {
	mu   sync.Mutex
	told bucket
}

// panicsPerSecond is how many panics are told: who has found a datagram that provokes one can
// send it as often as he likes.
const panicsPerSecond = 1

func newGuard() *guard { return &guard{told: bucket{perSecond: panicsPerSecond}} }

// run takes a datagram. When that panics, it is lost like one that the network has dropped.
func (g *guard) run(cfg *Config, take func()) {
	if cfg.Recover {
		defer func() {
			if value := recover(); value != nil {
				g.tell(cfg.log(), value)
			}
		}()
	}
	take()
}

func (g *guard) tell(log *slog.Logger, value any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.told.take(time.Now()) {
		log.Error("dtls: a panic over a datagram: please report it", "panic", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
	}
}
