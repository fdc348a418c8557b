package integrity

import "sync"

// acceptQueue holds sessions until somebody accepts them. There are never more than
// stations: a session that was replaced before is not handed out.
type acceptQueue struct {
	mu     sync.Mutex
	filled sync.Cond
	queue  []*Conn
	end    error
}

func newAcceptQueue() *acceptQueue {
	q := &acceptQueue{}
	q.filled.L = &q.mu
	return q
}

func (q *acceptQueue) push(c *Conn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end != nil {
		return
	}
	for i, waiting := range q.queue {
		if waiting.secrets.session == c.secrets.session {
			q.queue[i] = c
			return
		}
	}
	q.queue = append(q.queue, c)
	q.filled.Signal()
}

func (q *acceptQueue) pop() (*Conn, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.queue) == 0 && q.end == nil {
		q.filled.Wait()
	}
	if q.end != nil {
		return nil, q.end
	}
	c := q.queue[0]
	q.queue = q.queue[1:]
	return c, nil
}

// closed tells whether nobody will accept any more.
func (q *acceptQueue) closed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.end != nil
}

// close sends everyone away with err, the first one given.
func (q *acceptQueue) close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end == nil {
		q.end = err
	}
	q.filled.Broadcast()
}
