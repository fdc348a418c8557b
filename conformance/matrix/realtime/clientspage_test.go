package realtime

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coapgw/coapgw/conformance/golden"
	"github.com/coapgw/coapgw/conformance/matrix/pair"
)

// clientsRow is what a chat over one link came to.
type clientsRow struct {
	profile string
	// ready is how long it took from the first datagram until both clients were in the
	// room, and setup what was on the link until then; chat includes it.
	ready       time.Duration
	setup, chat pair.LinkStats
	// messages were sent and as many heard, by matrix-js-sdk and by mautrix. median and
	// longest are from the sender's call to the text at the other one.
	messages        [2]int
	median, longest [2]time.Duration
	// idleBytes is what is on the link in a minute in which nothing happens.
	idleBytes float64
}

// clientsPage is the table for docs/clients.md.
func clientsPage(rows []clientsRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nSessions of %v, then %v without traffic:\n\n", bed.duration, bed.idle)
	b.WriteString("| link | ready after | up, down until then | messages sent, received, decrypted | up, down in the chat | each message | js-sdk to mautrix (longest) | mautrix to js-sdk (longest) | idle, a minute |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		up, down := r.chat.Up.Bytes-r.setup.Up.Bytes, r.chat.Down.Bytes-r.setup.Down.Bytes
		n := r.messages[0] + r.messages[1]
		fmt.Fprintf(&b, "| %s | %.0f s | %s, %s | %d, %d, %d | %s, %s | %d B | %s | %s | %.1f kB |\n",
			r.profile, r.ready.Seconds(), kilo(r.setup.Up.Bytes), kilo(r.setup.Down.Bytes), n, n, n, kilo(up), kilo(down),
			(up+down)/int64(n), r.wait(0), r.wait(1), r.idleBytes/1000)
	}
	return b.String() + "\n"
}

func (r clientsRow) wait(from int) string {
	return fmt.Sprintf("%.1f s (%.1f s)", r.median[from].Seconds(), r.longest[from].Seconds())
}

func kilo(bytes int64) string { return fmt.Sprintf("%.1f kB", float64(bytes)/1000) }

// writePage puts the table into the page.
func writePage(t *testing.T, table string) {
	t.Helper()
	golden.WrittenBy("../../../docs/clients.md", "clients", "make soak").Hold(t, table, true)
}
