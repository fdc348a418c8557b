package endpoint

import (
	"context"
	"io"
)

// Read implements io.Reader for the handler.
func (g *bulkGet) Read(p []byte) (int, error) {
	c := g.c
	for {
		c.mu.Lock()
		wasFull := g.g.full()
		n := g.g.read(p)
		drained := wasFull && !g.g.full()
		var m *Message
		if drained {
			m = g.report()
		}
		err := g.err
		if err == nil && g.g.complete() {
			err = io.EOF
		}
		c.mu.Unlock()
		if m != nil {
			g.send(m, nil)
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		select {
		case <-g.wake:
		case <-g.ctx.Done():
			c.mu.Lock()
			if g.err == nil {
				g.err = ErrClosed
			}
			c.mu.Unlock()
		}
	}
}

func (g *bulkGet) handling() context.Context { return g.ctx }

func (g *bulkGet) tracked() *transfer { return g.progress }

func (g *bulkGet) start(in *incoming) {
	g.c.mu.Lock()
	reply := g.take(in)
	g.c.mu.Unlock()
	reply()
}

func (g *bulkGet) refused() {
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	g.rejected, g.over = true, true
	g.progress.end()
	g.cancel()
}

// answerable returns the poll that is not answered yet, else the first request.
func (g *bulkGet) answerable(context.Context) *incoming {
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	g.over = true
	g.progress.end()
	if g.gap != nil {
		g.gap.Stop()
	}
	if g.poll != nil && !g.poll.answered {
		return g.poll
	}
	if g.opened.m.Type == Confirmable && g.opened.answered {
		again := *g.opened
		again.answered, again.acknowledged, again.timer = false, true, nil
		return &again
	}
	return g.opened
}

// answered keeps the transfer for a while, so that late blocks start no other.
func (g *bulkGet) answered() {
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	if g.err == nil && !g.g.complete() {
		g.err = &BlockError{Offset: g.offset(), Reason: "answered before its end"}
		signal(g.wake)
	}
	g.touch()
}

func (g *bulkGet) release() {
	g.cancel()
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	g.g = gathering{} // what the handler did not read
}
