//go:build !clientonly

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// report prints statistics as asked for, and once more at the end.
func (c *linkCmd) report(ctx context.Context, w io.Writer, profile link.Profile, relay *linkemu.Relay) {
	overwrite := isTerminal(w) && !c.JSON
	interval := c.Stats
	switch {
	case interval > 0:
	case overwrite:
		interval = time.Second
	case !c.JSON:
		return
	}
	start := time.Now()
	line := func() string {
		stats, clients, elapsed := relay.Link.Stats(), relay.Clients(), time.Since(start)
		if c.JSON {
			return statsJSON(profile, stats, clients, elapsed)
		}
		return statsLine(profile, stats, clients, elapsed)
	}
	if interval > 0 {
		each(ctx, interval, func() {
			if overwrite {
				fmt.Fprint(w, "\r\x1b[2K", line())
			} else {
				fmt.Fprintln(w, line())
			}
		})
	} else {
		<-ctx.Done()
	}
	if overwrite {
		fmt.Fprint(w, "\r\x1b[2K")
	}
	fmt.Fprintln(w, line())
}

// statsLine is what happened on the link so far.
func statsLine(p link.Profile, s linkemu.Stats, clients int, elapsed time.Duration) string {
	direction := func(c linkemu.Counters) string {
		text := fmt.Sprintf("%d datagrams %d B", c.Datagrams, c.Payload)
		if elapsed > 0 {
			text += fmt.Sprintf(" busy %.0f %%", min(100, 100*c.Busy.Seconds()/elapsed.Seconds()))
		}
		for _, n := range []struct {
			count int64
			what  string
		}{{c.Lost, "lost"}, {c.Dropped, "dropped"}, {c.Violations, "too large"}} {
			if n.count > 0 {
				text += fmt.Sprintf(" %d %s", n.count, n.what)
			}
		}
		return text
	}
	text := fmt.Sprintf("%s %v: up %s, down %s", p.Name, elapsed.Round(time.Second), direction(s.Up), direction(s.Down))
	if p.HalfDuplex {
		text += fmt.Sprintf(", %d turns", s.Turnarounds)
	}
	return text + fmt.Sprintf(", clients: %d", clients)
}

// linkReport is what happened on the link so far, for programs to read.
type linkReport struct {
	Link    string     `json:"link"`
	Seconds float64    `json:"seconds"`
	Clients int        `json:"clients"`
	Turns   int64      `json:"turns"`
	Up      laneReport `json:"up"`
	Down    laneReport `json:"down"`
}

// laneReport is one direction of a linkReport; see linkemu.Counters.
type laneReport struct {
	Datagrams   int64   `json:"datagrams"`
	Payload     int64   `json:"payload_bytes"`
	Bytes       int64   `json:"bytes"`
	BusySeconds float64 `json:"busy_seconds"`
	Lost        int64   `json:"lost"`
	Unclaimed   int64   `json:"unclaimed"`
	Dropped     int64   `json:"dropped"`
	TooLarge    int64   `json:"too_large"`
}

// statsJSON is statsLine as one JSON object.
func statsJSON(p link.Profile, s linkemu.Stats, clients int, elapsed time.Duration) string {
	direction := func(c linkemu.Counters) laneReport {
		return laneReport{
			Datagrams: c.Datagrams, Payload: c.Payload, Bytes: c.Bytes, BusySeconds: c.Busy.Seconds(),
			Lost: c.Lost, Unclaimed: c.Unclaimed, Dropped: c.Dropped, TooLarge: c.Violations,
		}
	}
	// A struct of numbers and a string is always encoded.
	text, _ := json.Marshal(linkReport{
		Link: p.Name, Seconds: elapsed.Seconds(), Clients: clients, Turns: s.Turnarounds,
		Up: direction(s.Up), Down: direction(s.Down),
	})
	return string(text)
}

// isTerminal tells whether people watch w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
