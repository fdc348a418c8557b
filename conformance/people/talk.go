package people

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// CreateRoom makes a room that everyone may join.
func (p *Person) CreateRoom(ctx context.Context) (room string, err error) {
	var answer struct {
		Room string `json:"room_id"`
	}
	err = p.Do(ctx, http.MethodPost, "createRoom", map[string]string{"preset": "public_chat"}, &answer)
	return answer.Room, err
}

// Join joins a room.
func (p *Person) Join(ctx context.Context, room string) error {
	return p.Do(ctx, http.MethodPost, "join/"+url.PathEscape(room), struct{}{}, nil)
}

// Say puts a text into a room, under a transaction ID.
func (p *Person) Say(ctx context.Context, room, txn, text string) error {
	return p.Do(ctx, http.MethodPut, "rooms/"+url.PathEscape(room)+"/send/m.room.message/"+url.PathEscape(txn),
		map[string]string{"msgtype": "m.text", "body": text}, nil)
}

// event is what we read of one.
type event struct {
	Type    string
	Content struct{ Body string }
}

func texts(events []event) (all []string) {
	for _, e := range events {
		if e.Type == "m.room.message" {
			all = append(all, e.Content.Body)
		}
	}
	return all
}

// Messages are the texts among the latest hundred events of a room, the newest first.
func (p *Person) Messages(ctx context.Context, room string) ([]string, error) {
	var answer struct{ Chunk []event }
	err := p.Do(ctx, http.MethodGet, "rooms/"+url.PathEscape(room)+"/messages?dir=b&limit=100", nil, &answer)
	return texts(answer.Chunk), err
}

// Sync is what we read of an answer to /sync.
type Sync struct {
	Next  string `json:"next_batch"`
	Rooms struct {
		Join map[string]struct {
			Timeline struct{ Events []event }
		}
	}
}

// Texts are those of a room in it, the oldest first.
func (s *Sync) Texts(room string) []string { return texts(s.Rooms.Join[room].Timeline.Events) }

// Everything is a filter that lets nothing of a timeline be left out.
const Everything = `{"room":{"timeline":{"limit":100000}}}`

// Sync asks what is new since a point, "" for the beginning, and waits for it so long. filter
// may be "".
func (p *Person) Sync(ctx context.Context, since, filter string, wait time.Duration) (s Sync, err error) {
	query := url.Values{"timeout": {strconv.FormatInt(wait.Milliseconds(), 10)}}
	if filter != "" {
		query.Set("filter", filter)
	}
	if since != "" {
		query.Set("since", since)
	}
	return s, p.Do(ctx, http.MethodGet, "sync?"+query.Encode(), nil, &s)
}
