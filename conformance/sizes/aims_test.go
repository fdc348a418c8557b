package sizes

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/coapgw/coapgw/internal/corpus"
	"github.com/coapgw/coapgw/internal/measure"
)

// aim is what the payload of a message should take in the mean, in bytes.
type aim struct {
	name, kind string
	response   bool
	most       float64
	// beyond is what of the messages nothing can make smaller, in bytes.
	beyond func(*aims) int
}

func rows() []aim {
	return []aim{
		{name: "send text", kind: "send_text", most: 34},
		{name: "send text, response", kind: "send_text", response: true, most: 34},
		{name: "sync with one message, response", kind: oneMessage, response: true, most: 72},
		{name: "receipt", kind: "receipt", most: 4},
		{name: "typing", kind: "typing", most: 5},
		{name: "reaction", kind: "send_reaction", most: 10},
		{name: "push rules, response", kind: "pushrules", response: true, most: 40},
		{name: "encrypted, beyond its ciphertext", kind: "send_encrypted", most: 20, beyond: func(a *aims) int { return a.ciphertext }},
	}
}

// oneMessage is the kind of an incremental sync that brings one message and nothing else.
const oneMessage = "sync, one message"

// aims is what sessions took of what rows are about. Syncs with one message are of a kind
// of their own.
type aims struct {
	measure.Report
	ciphertext int // bytes of all that were sent
	// random is what nothing foretells of the requests of a kind, in bytes.
	random map[string]float64
}

func newAims() *aims { return &aims{Report: measure.NewReport(), random: map[string]float64{}} }

// add adds what other sessions took.
func (a *aims) add(other *aims) {
	a.Report.Add(other.Report)
	a.ciphertext += other.ciphertext
	for kind, bytes := range other.random {
		a.random[kind] += bytes
	}
}

// session measures one.
func session(m *measure.Meter, s corpus.Session) (*aims, error) {
	a := newAims()
	entries := make([]measure.Entry, len(s.Entries))
	f := floor{seen: map[string]bool{}}
	for i, e := range s.Entries {
		a.random[e.Kind] += f.request(e) / 8
		f.response(e)
		switch {
		case e.Kind == "sync" && bringsOneMessage(e.Response):
			e.Kind = oneMessage
		case e.Kind == "send_encrypted":
			var content struct{ Ciphertext string }
			if err := json.Unmarshal(e.Request, &content); err != nil {
				return nil, err
			}
			a.ciphertext += base64.RawStdEncoding.DecodedLen(len(content.Ciphertext))
		}
		entries[i] = e
	}
	if err := m.Session(entries, false); err != nil {
		return nil, err
	}
	a.Report = m.Report()
	return a, nil
}

// kinds are those of the exchanges as the sessions have them.
func (a *aims) kinds() map[string]*measure.Cost {
	whole := measure.NewReport()
	whole.Add(a.Report)
	sync := measure.NewReport()
	sync.Kinds["sync"] = whole.Kinds[oneMessage]
	delete(whole.Kinds, oneMessage)
	whole.Add(sync)
	return whole.Kinds
}

// bringsOneMessage reports whether the response to a sync has one event only, which is a
// message.
func bringsOneMessage(response []byte) bool {
	type events struct{ Events []struct{ Type string } }
	var r struct {
		Presence, To_device, Account_data events
		Rooms                             struct {
			Join map[string]struct {
				Timeline, State, Ephemeral, Account_data events
			}
			Invite, Leave map[string]any
		}
	}
	if json.Unmarshal(response, &r) != nil || len(r.Rooms.Join) != 1 || len(r.Rooms.Invite)+len(r.Rooms.Leave) > 0 {
		return false
	}
	for _, room := range r.Rooms.Join {
		others := len(r.Presence.Events) + len(r.To_device.Events) + len(r.Account_data.Events) +
			len(room.State.Events) + len(room.Ephemeral.Events) + len(room.Account_data.Events)
		return others == 0 && len(room.Timeline.Events) == 1 && room.Timeline.Events[0].Type == "m.room.message"
	}
	return false
}

// mean is that of a row, and of how many exchanges.
func (a *aims) mean(row aim) (bytes float64, count int) {
	c := a.Kinds[row.kind]
	if c == nil {
		return 0, 0
	}
	n := c.V2Up
	if row.response {
		n = c.V2Down
	}
	if row.beyond != nil {
		n -= row.beyond(a)
	}
	return float64(n) / float64(c.Count), c.Count
}

// floor is the mean of what of a row's messages is random, in bytes. Of responses it is not
// known and 0.
func (a *aims) floor(row aim) float64 {
	_, count := a.mean(row)
	if row.response || count == 0 {
		return 0
	}
	return a.random[row.kind] / float64(count)
}

func aimsTable(recorded, all *aims) string {
	var b strings.Builder
	b.WriteString("\n| message | aim | recorded, mean | of it random | count | recorded and made, mean | of it random | what is left | count |\n|---|---|---|---|---|---|---|---|---|\n")
	floor := func(a *aims, row aim) string {
		if row.response {
			return "–"
		}
		return fmt.Sprintf("%.1f", a.floor(row))
	}
	for _, row := range rows() {
		r, rn := recorded.mean(row)
		a, an := all.mean(row)
		fmt.Fprintf(&b, "| %s | %g | %.1f | %s | %d | %.1f | %s | %.1f | %d |\n",
			row.name, row.most, r, floor(recorded, row), rn, a, floor(all, row), a-all.floor(row), an)
	}
	return b.String()
}
