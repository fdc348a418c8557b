package push

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/people"
)

// user is a Matrix client.
type user struct {
	w  *world
	rt http.RoundTripper
	// patience is how long it waits for an answer.
	patience          time.Duration
	name, id, token   string
	since             string
	seen, told, wrong []string
	txn               int
}

// gatewayURL is what clients call what runs beside them.
const gatewayURL = "http://gateway"

type object = map[string]any

// do makes one request; status is 0 when there was no answer.
func (u *user) do(method, path string, body any, to any) (status int) {
	ctx, cancel := context.WithTimeout(u.w.t.Context(), u.patience)
	defer cancel()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, gatewayURL+"/_matrix/client/v3/"+path, content)
	if err != nil {
		panic(err)
	}
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if u.token != "" {
		r.Header.Set("Authorization", "Bearer "+u.token)
	}
	resp, err := u.rt.RoundTrip(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0
	}
	if to != nil && resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, to); err != nil {
			u.wrong = append(u.wrong, "an answer that is no JSON: "+string(text))
			return 0
		}
	}
	return resp.StatusCode
}

// must makes a request that has to succeed.
func (u *user) must(method, path string, body, to any) {
	u.w.t.Helper()
	require.Equal(u.w.t, http.StatusOK, u.do(method, path, body, to), "%s %s", method, path)
}

func (w *world) newUser(name string, rt http.RoundTripper) *user {
	p, err := people.SignUp(w.t.Context(), gatewayURL, w.near(), name)
	require.NoError(w.t, err)
	return &user{w: w, rt: rt, name: name, patience: 5 * time.Minute, id: p.ID, token: p.Token}
}

// room makes a room of both users.
func (w *world) room(a, b *user) string {
	var got struct {
		RoomID string `json:"room_id"`
	}
	founder, guest := people.Person{Token: a.token, Base: gatewayURL, Via: w.near()}, people.Person{Token: b.token, Base: gatewayURL, Via: w.near()}
	require.NoError(w.t, founder.Do(w.t.Context(), "POST", "createRoom", object{"preset": "private_chat", "invite": []string{b.id}}, &got))
	require.NoError(w.t, guest.Join(w.t.Context(), got.RoomID))
	return got.RoomID
}

// send sends a text under a transaction ID, and says whether it was answered.
func (u *user) send(room, text string, txn int) bool {
	return u.do("PUT", fmt.Sprintf("rooms/%s/send/m.room.message/t%d", url.PathEscape(room), txn),
		object{"msgtype": "m.text", "body": text}, nil) == http.StatusOK
}

// tell sends a to-device message.
func (u *user) tell(to *user, text string) {
	u.txn++
	u.must("PUT", fmt.Sprintf("sendToDevice/m.test/d%d", u.txn), object{"messages": object{to.id: object{"DEVICE": object{"text": text}}}}, nil)
}

// filter lets nothing of a timeline be left out.
const filter = `{"room":{"timeline":{"limit":100000}}}`

// syncAnswer is as much of an answer as a client here looks at.
type syncAnswer struct {
	Next  string `json:"next_batch"`
	Rooms struct {
		Join map[string]struct {
			Timeline struct {
				Limited bool
				Events  []struct {
					Type    string
					Sender  string
					Content struct{ Body string }
				}
			}
		}
	}
	ToDevice struct {
		Events []struct{ Content struct{ Text string } }
	} `json:"to_device"`
	Counts map[string]int `json:"device_one_time_keys_count"`
}

// sync polls once. A client that crashes then has not stored what it got.
func (u *user) sync(timeout time.Duration, crashes bool) (status int) {
	query := "timeout=" + strconv.FormatInt(timeout.Milliseconds(), 10) + "&filter=" + url.QueryEscape(filter)
	if u.since != "" {
		query += "&since=" + url.QueryEscape(u.since)
	}
	var got syncAnswer
	status = u.do("GET", "sync?"+query, nil, &got)
	if status != http.StatusOK || crashes {
		return status
	}
	if got.Next == "" || got.Counts == nil {
		u.wrong = append(u.wrong, "an answer that says too little")
	}
	for _, room := range got.Rooms.Join {
		if room.Timeline.Limited && u.since != "" {
			u.wrong = append(u.wrong, "a gap in the timeline")
		}
		for _, e := range room.Timeline.Events {
			if e.Type == "m.room.message" && e.Sender != u.id {
				u.seen = append(u.seen, e.Content.Body)
			}
		}
	}
	for _, e := range got.ToDevice.Events {
		u.told = append(u.told, e.Content.Text)
	}
	u.since = got.Next
	return status
}
