package vectors

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A script is what is done by hand in an exchange; the rest follows from it.
type script []action

// action is one of the things that are done by hand.
type action struct {
	// ask and answer are requests of the HTTP client and responses of the homeserver.
	ask, answer *httpMessage
	n           int
	// say is a message, in words, of an end that is not ours.
	say string
	// wait lets time pass.
	wait time.Duration
	// lose loses the next message of an end.
	lose string
}

func ask(n int, method, target, token, body string) action {
	m := httpMessage{method: method, target: target, body: body}
	if token != "" {
		m.headers = append(m.headers, "Authorization: Bearer "+token)
	}
	if body != "" {
		m.headers = append(m.headers, "Content-Type: application/json")
	}
	return action{n: n, ask: &m}
}

func answer(n, status int, body string, headers ...string) action {
	m := httpMessage{status: status, body: body, headers: headers}
	if body != "" && len(headers) == 0 {
		m.headers = []string{"Content-Type: application/json"}
	}
	return action{n: n, answer: &m}
}

func say(words string) action { return action{say: words} }
func pause(seconds float64) action {
	return action{wait: time.Duration(seconds * float64(time.Second))}
}
func lose(from string) action { return action{lose: from} }
func with(a action, lines ...string) action {
	a.ask.headers = append(a.ask.headers, lines...)
	return a
}

// recorder carries a script out.
type recorder struct {
	v    *exchangeVector
	ends map[string]*end
	ids  map[string]*ids
	lost map[string]int
}

// record fills the steps of a vector by its script.
func (v *exchangeVector) record(t *testing.T, s script) (err error) {
	synctest.Test(t, func(*testing.T) {
		r := &recorder{v: v, ends: map[string]*end{}, ids: map[string]*ids{}, lost: map[string]int{}}
		for side, kind := range map[string]string{client: v.Client, server: v.Server} {
			if kind != coapgw {
				continue
			}
			e, bad := v.newEnd(side)
			if err = bad; err != nil {
				return
			}
			r.ends[side], r.ids[side] = e, newIDs()
			r.ids[side].next = 1
			if side == server {
				r.ids[side].next = firstOfServer
			}
		}
		for i, a := range s {
			if err = r.do(a); err != nil {
				err = fmt.Errorf("action %d: %w", i, err)
				break
			}
		}
		for _, side := range []string{client, server} {
			if e := r.ends[side]; e != nil {
				err = errors.Join(err, e.stop())
			}
		}
	})
	return err
}

func (r *recorder) add(s step) { r.v.Steps = append(r.v.Steps, s) }

func (r *recorder) do(a action) error {
	switch {
	case a.ask != nil:
		r.add(stepOf(client, a.n, *a.ask))
		if e := r.ends[client]; e != nil {
			e.ask(a.n, *a.ask)
		}
	case a.answer != nil:
		r.add(stepOf(server, -a.n, *a.answer))
		if e := r.ends[server]; e != nil {
			if err := e.answer(a.n, *a.answer); err != nil {
				return err
			}
		}
	case a.say != "":
		d, err := writeMessage(a.say)
		if err != nil {
			return err
		}
		from := client
		if r.ends[client] != nil {
			from = server
		}
		if err := r.carry(from, d); err != nil {
			return err
		}
	case a.wait > 0:
		r.add(step{Wait: a.wait.Seconds()})
		time.Sleep(a.wait)
	case a.lose != "":
		r.lost[a.lose]++
		return nil
	}
	return r.pump()
}

// carry notes a datagram as it stands in the file, and gives it to the other end.
func (r *recorder) carry(from string, d []byte) error {
	words, err := readMessage(d)
	if err != nil {
		return err
	}
	s := step{At: from, Message: fmt.Sprintf("%x", d), Reads: words}
	to := map[string]string{client: server, server: client}[from]
	if r.lost[from] > 0 {
		r.lost[from]--
		s.Lost = true
	} else if e := r.ends[to]; e != nil {
		if err := e.hear(r.ids[to].toEnd(d)); err != nil {
			return err
		}
	}
	r.add(s)
	return nil
}

// pump notes what happens of itself until nothing does.
func (r *recorder) pump() error {
	for moved := true; moved; {
		moved = false
		for _, side := range []string{client, server} {
			e := r.ends[side]
			if e == nil {
				continue
			}
			synctest.Wait()
			if d, ok := e.far.Next(); ok {
				if err := r.carry(side, r.ids[side].toFileAs(d)); err != nil {
					return err
				}
				moved = true
				continue
			}
			if a, ok := e.arrived.take(); ok {
				n := -a.n
				if side == server {
					n = a.n
				}
				same := step{At: side, Request: max(n, 0), Response: max(-n, 0), Same: true}
				if m, err := r.v.http(&same); err == nil && m.equal(a.httpMessage) {
					r.add(same)
				} else {
					r.add(stepOf(side, n, a.httpMessage))
				}
				moved = true
			}
		}
	}
	return nil
}
