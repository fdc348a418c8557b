package vectors

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/coapgw/coapgw/cborcodec/idtable"
)

// tablesVector is what both ends of a session of version 2 say of their tables, step by
// step, without coder, dialect and link: rules T1 to T7 of docs/decisions/0018.
type tablesVector struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	// Size is how many entries of each table are referred to.
	Size  int         `json:"size"`
	Steps []tableStep `json:"steps"`
}

// tableStep is something that one end does.
type tableStep struct {
	// Do is
	//
	//	ask       the client writes request ID
	//	admit     request ID arrives at the server, which does not read it yet
	//	read      the server reads request ID, which arrives now if it has not
	//	answer    the server writes the response to request ID
	//	take      the client reads the response to request ID
	//	arrived   the client hears that request ID has arrived, and not been read
	//	give up   the client waits no more for the response to request ID, which may arrive
	//	          for Seconds more
	//	refused   the client hears that the server will not read request ID
	//	reset     the client hears that the server did not know what request ID refers to
	//	notify    the server writes notification ID
	//	deliver   the client reads notification ID, which belongs to request To
	//	done      the server hears that notification ID was acknowledged
	//	rejected  the server hears that it was rejected
	//	restart   the server loses all, and begins behind batch Start
	//	wait      Seconds pass
	Do string `json:"do"`
	ID string `json:"id,omitempty"`
	To string `json:"to,omitempty"`
	// Items are what a message has in it that is about tables, and State what it says beside.
	Items []tableItem `json:"items,omitempty"`
	State *tableState `json:"state,omitempty"`
	// Error is "unknown" where reading must fail and nothing is executed.
	Error   string  `json:"error,omitempty"`
	Start   uint64  `json:"start,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
}

// tableItem is a text that is inserted, or referred to, or neither.
type tableItem struct {
	Text   string `json:"text"`
	Insert bool   `json:"insert,omitempty"`
	Ref    *int64 `json:"ref,omitempty"`
}

// tableState is idtable.State: what docs/wire-v2.md has in the header byte (a and c, and in
// notifications base) and in the item of state.
type tableState struct {
	A      uint8   `json:"a,omitempty"`
	C      uint8   `json:"c,omitempty"`
	Ack    *uint64 `json:"ack,omitempty"`
	Dead   uint64  `json:"dead,omitempty"`
	Number *uint64 `json:"number,omitempty"`
	First  *uint64 `json:"first,omitempty"`
	Top    *uint64 `json:"top,omitempty"`
	Asked  *uint64 `json:"asked,omitempty"`
}

func stateOf(s idtable.State) *tableState {
	t := &tableState{A: s.Server, C: s.Client, Dead: s.Dead}
	if s.HasAck {
		t.Ack = &s.Ack
	}
	if s.Inserts {
		t.Number, t.First = &s.Number, &s.First
	}
	if s.HasTop {
		t.Top = &s.Top
	}
	if s.HasAsked {
		t.Asked = &s.Asked
	}
	return t
}

func (t *tableState) state() (idtable.State, error) {
	if t == nil || (t.Number == nil) != (t.First == nil) {
		return idtable.State{}, errors.New("no state")
	}
	s := idtable.State{Server: t.A, Client: t.C, Dead: t.Dead}
	for _, m := range []struct {
		from *uint64
		has  *bool
		to   *uint64
	}{{t.Ack, &s.HasAck, &s.Ack}, {t.Number, &s.Inserts, &s.Number}, {t.First, &s.Inserts, &s.First}, {t.Top, &s.HasTop, &s.Top}, {t.Asked, &s.HasAsked, &s.Asked}} {
		if m.from != nil {
			*m.has, *m.to = true, *m.from
		}
	}
	return s, nil
}

func (v *tablesVector) title() string { return v.Name }

func (v *tablesVector) lines() (any, []any) {
	steps := make([]any, len(v.Steps))
	for i, s := range v.Steps {
		steps[i] = s
	}
	return struct {
		Name string `json:"name"`
		Why  string `json:"why"`
		Size int    `json:"size"`
	}{v.Name, v.Why, v.Size}, steps
}

// tableEnds are both ends of a session.
type tableEnds struct {
	client  *idtable.Client
	server  *idtable.Server
	size    int
	now     time.Time
	asked   map[string]*idtable.Exchange
	calls   map[string]*idtable.Call
	notes   map[string]*idtable.Notification
	written map[string]*tableStep // by what was done and ID
}

func newTableEnds(size int) *tableEnds {
	return &tableEnds{
		client: idtable.NewClient(size), server: idtable.NewServer(size, 0), size: size,
		asked: map[string]*idtable.Exchange{}, calls: map[string]*idtable.Call{}, notes: map[string]*idtable.Notification{}, written: map[string]*tableStep{},
	}
}

// fill does the steps, and notes what is written and what fails.
func (v *tablesVector) fill(*testing.T) error {
	ends := newTableEnds(v.Size)
	for i := range v.Steps {
		s := &v.Steps[i]
		items, state, problem, err := ends.do(s)
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		if state != nil {
			s.Items, s.State = items, state
		}
		s.Error = problem
	}
	return nil
}

func (v *tablesVector) play(*testing.T) error {
	ends := newTableEnds(v.Size)
	for i := range v.Steps {
		s := &v.Steps[i]
		items, state, problem, err := ends.do(s)
		switch {
		case err != nil:
			return fmt.Errorf("step %d: %w", i, err)
		case problem != s.Error:
			return fmt.Errorf("step %d: error %q", i, problem)
		case !reflect.DeepEqual(state, s.State) || !reflect.DeepEqual(items, s.Items):
			return fmt.Errorf("step %d: writes %+v with %+v", i, items, state)
		}
	}
	return nil
}

// do does one step, and returns what was written.
func (e *tableEnds) do(s *tableStep) (items []tableItem, state *tableState, problem string, err error) {
	x, call, note := e.asked[s.ID], e.calls[s.ID], e.notes[s.ID]
	needs := func(ok bool) bool {
		if !ok {
			err = fmt.Errorf("%s %s: there is none", s.Do, s.ID)
		}
		return ok
	}
	switch s.Do {
	case "ask":
		var o *idtable.Outgoing
		o, e.asked[s.ID] = e.client.Request(e.now)
		items, state = e.write(o, s)
	case "admit":
		e.calls[s.ID] = e.server.Admit(1)
	case "read":
		if call == nil {
			call = e.server.Admit(1)
			e.calls[s.ID] = call
		}
		problem, err = e.read("ask", s.ID, func(st idtable.State) (*idtable.Incoming, error) { return call.Request(st) })
	case "answer":
		if needs(call != nil) {
			items, state = e.write(call.Response(), s)
		}
	case "take":
		if needs(x != nil) {
			x.Answered()
			problem, err = e.read("answer", s.ID, x.Response)
		}
	case "arrived":
		if needs(x != nil) {
			x.Arrived()
		}
	case "give up":
		if needs(x != nil) {
			x.GiveUp(e.now.Add(seconds(s.Seconds)))
		}
	case "refused":
		if needs(x != nil) {
			x.Refused()
		}
	case "reset":
		if needs(x != nil) {
			e.client.Reset(x)
		}
	case "notify":
		var o *idtable.Outgoing
		o, e.notes[s.ID] = e.server.Notification()
		items, state = e.write(o, s)
	case "deliver":
		if x = e.asked[s.To]; needs(x != nil) {
			problem, err = e.read("notify", s.ID, x.Notification)
		}
	case "done", "rejected":
		if needs(note != nil) {
			note.Done(s.Do == "done")
		}
	case "restart":
		e.server = idtable.NewServer(e.size, s.Start)
		e.calls = map[string]*idtable.Call{}
	case "wait":
		e.now = e.now.Add(seconds(s.Seconds))
	default:
		err = fmt.Errorf("do %q", s.Do)
	}
	return items, state, problem, err
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// write writes the texts of a step as the tables have it.
func (e *tableEnds) write(o *idtable.Outgoing, s *tableStep) (items []tableItem, state *tableState) {
	for _, item := range s.Items {
		text := []byte(item.Text)
		w := tableItem{Text: item.Text}
		if ref, ok := o.Find(text); ok {
			if w.Insert = o.Refresh(text, ref); !w.Insert {
				w.Ref = &ref
			}
		} else {
			w.Insert = o.Insert(text)
		}
		items = append(items, w)
	}
	state = stateOf(o.Commit(nil))
	e.written[s.Do+s.ID] = &tableStep{Items: items, State: state}
	return items, state
}

// read reads what an end has written, and checks what references stand for.
func (e *tableEnds) read(did, id string, begin func(idtable.State) (*idtable.Incoming, error)) (problem string, err error) {
	m := e.written[did+id]
	if m == nil {
		return "", fmt.Errorf("%s has not been written", id)
	}
	st, err := m.State.state()
	if err != nil {
		return "", err
	}
	in, err := begin(st)
	if err != nil {
		return problemOf(err)
	}
	for _, item := range m.Items {
		switch {
		case item.Insert:
			err = in.Inserted([]byte(item.Text))
		case item.Ref != nil:
			if text, ok := in.Resolve(*item.Ref); !ok {
				return "unknown", nil
			} else if text != item.Text {
				return "", fmt.Errorf("%d is %q", *item.Ref, text)
			}
		}
		if err != nil {
			return problemOf(err)
		}
	}
	return problemOf(in.Commit(nil))
}

func problemOf(err error) (problem string, other error) {
	switch {
	case errors.Is(err, idtable.ErrUnknown):
		return "unknown", nil
	case errors.Is(err, idtable.ErrMalformed):
		return "malformed", nil
	case errors.Is(err, idtable.ErrConflict):
		return "conflict", nil
	}
	return "", err
}

func (v *tablesVector) mutants() (wrong []vector) {
	for i, s := range v.Steps {
		change := func(f func(*tableStep)) {
			m := *v
			m.Steps = slices.Clone(v.Steps)
			f(&m.Steps[i])
			wrong = append(wrong, &m)
		}
		switch s.Do {
		case "ask", "answer", "notify":
			change(func(s *tableStep) {
				state := *s.State
				state.A++
				s.State = &state
			})
			if len(s.Items) > 0 {
				change(func(s *tableStep) {
					s.Items = slices.Clone(s.Items)
					item := &s.Items[len(s.Items)-1]
					item.Insert = !item.Insert
				})
			}
		case "read", "take", "deliver":
			change(func(s *tableStep) {
				if s.Error += "unknown"; s.Error == "unknownunknown" {
					s.Error = ""
				}
			})
		}
	}
	return wrong
}
