package demo

import (
	"encoding/json"
	"fmt"
	"io"
)

// printer writes the report.
type printer struct {
	out  io.Writer
	json bool
}

const rowFormat = "%-40s %6s   %6s %6s   %6s %6s   %s\n"

func (p printer) begin(w *world) {
	if p.json {
		return
	}
	fmt.Fprintf(p.out, "One process: homeserver ── serve ══ %s ══ connect ── Matrix client.\n\n", w.linkText())
	fmt.Fprintf(p.out, rowFormat, "", "", "coapgw", "", "HTTPS", "", "")
	fmt.Fprintf(p.out, rowFormat, "step", "time", "up", "down", "up", "down", "bytes saved")
}

func (p printer) step(s Step) {
	if p.json {
		return
	}
	coap, https := s.CoAP.Up+s.CoAP.Down, s.HTTPS.Up+s.HTTPS.Down
	fmt.Fprintf(p.out, rowFormat, s.Name, fmt.Sprintf("%.1f s", s.Seconds),
		fmt.Sprint(s.CoAP.Up), fmt.Sprint(s.CoAP.Down), fmt.Sprint(s.HTTPS.Up), fmt.Sprint(s.HTTPS.Down),
		fmt.Sprintf("%.0f %%", 100-100*float64(coap)/float64(https)))
}

func (p printer) end(r Report) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(r)
	}
	p.step(r.Total)
	fmt.Fprintf(p.out, "\nBytes: %s.\n", r.Method)
	return nil
}

func (p printer) stay(w *world, c *chat) {
	if p.json {
		return
	}
	fmt.Fprintf(p.out, "\nStill up. Homeserver URL for a Matrix client: %s\nUsers %s and %s, password %q, room %q. Stop with Ctrl-C.\n",
		w.connectURL, c.alice.id, c.bob.id, demoPassword, "Bridge")
}
