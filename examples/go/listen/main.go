// Command listen prints what is said in a Matrix room, over a terrible link: nothing crosses
// it while nobody speaks.
//
//	MATRIX_TOKEN=... listen boat.pairing '!room:example.org'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"time"

	"github.com/coapgw/coapgw/client"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: MATRIX_TOKEN=TOKEN listen PAIRING-FILE ROOM-ID")
	}
	line, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := listen(ctx, string(line), os.Args[2], os.Getenv("MATRIX_TOKEN"), os.Stdout); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

// answer is what we read of an answer to /sync.
type answer struct {
	NextBatch string `json:"next_batch"`
	Rooms     struct {
		Join map[string]struct {
			Timeline struct {
				Events []struct {
					Type, Sender string
					Content      struct{ Body string }
				}
			}
		}
	}
}

// listen prints what is new in the room until ctx ends.
func listen(ctx context.Context, pairing, room, token string, to io.Writer) error {
	c, err := client.Open(pairing, client.Options{})
	if err != nil {
		return err
	}
	defer c.Close()
	matrix := http.Client{Transport: c}
	filter, err := json.Marshal(map[string]any{
		"presence": nothing(), "account_data": nothing(),
		"room": map[string]any{
			"rooms": []string{room}, "ephemeral": nothing(), "account_data": nothing(), "state": nothing(),
			"timeline": map[string]any{"types": []string{"m.room.message"}, "limit": 10},
		},
	})
	if err != nil {
		return err
	}
	query := url.Values{"timeout": {"30000"}, "filter": {string(filter)}}
	for pause := time.Second; ; {
		a, err := sync(ctx, &matrix, token, query)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			log.Print(err) // the link is away; what is said meanwhile waits
			time.Sleep(pause)
			pause = min(2*pause, time.Minute)
			continue
		}
		pause = time.Second
		for _, e := range a.Rooms.Join[room].Timeline.Events {
			fmt.Fprintf(to, "%s: %s\n", e.Sender, e.Content.Body)
		}
		query.Set("since", a.NextBatch)
	}
}

// nothing is a filter that lets nothing pass.
func nothing() map[string]any { return map[string]any{"types": []string{}} }

// sync asks for what is new, and waits for it.
func sync(ctx context.Context, matrix *http.Client, token string, query url.Values) (a answer, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://matrix/_matrix/client/v3/sync?"+query.Encode(), nil)
	if err != nil {
		return a, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := matrix.Do(r)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return a, fmt.Errorf("the homeserver answered %s", resp.Status)
	}
	return a, json.NewDecoder(resp.Body).Decode(&a)
}
