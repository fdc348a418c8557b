package link

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coapgw/coapgw/conformance/golden"
)

// TestPages compares the tables in docs with the data. UPDATE_GOLDEN=1 writes them.
func TestPages(t *testing.T) {
	for _, tt := range []struct{ file, what, want string }{
		{"links.md", "tables", page()},
		{"wire-v1.md", "profiles", numberTable()},
		{"wire-v1.md", "fields", fieldTable()},
	} {
		golden.Of("../../docs/"+tt.file, tt.what+" of coap/link").Hold(t, tt.want, golden.Update())
	}
}

// numberTable are the numbers of profiles on the wire.
func numberTable() string {
	var cells []string
	for number, name := range numbers {
		cells = append(cells, fmt.Sprintf("%d | %s", number, name))
	}
	return inColumns("profile", cells)
}

// fieldTable are the numbers of fields on the wire.
func fieldTable() string {
	var cells []string
	for _, f := range fields() {
		if f.wire != 0 {
			cells = append(cells, fmt.Sprintf("%d | %s", f.wire, f.name))
		}
	}
	return inColumns("field", cells)
}

// inColumns sets numbers and names in three columns, read downwards.
func inColumns(what string, cells []string) string {
	const columns = 3
	rows := (len(cells) + columns - 1) / columns
	var b strings.Builder
	b.WriteString("\n|" + strings.Repeat(" number | "+what+" |", columns) + "\n|" + strings.Repeat("---|---|", columns) + "\n")
	for row := range rows {
		for column := range columns {
			cell := " | "
			if i := column*rows + row; i < len(cells) {
				cell = cells[i]
			}
			b.WriteString("| " + cell + " ")
		}
		b.WriteString("|\n")
	}
	return b.String() + "\n"
}

func page() string {
	var b strings.Builder
	b.WriteString("\n| profile | link | bit/s up / down | one way | lost | full datagram up | open |\n|---|---|---|---|---|---|---|\n")
	for _, p := range Profiles() {
		open := "always"
		if p.ContactPeriod > 0 {
			open = fmt.Sprintf("%v in %v", p.ContactWindow, p.ContactPeriod)
		}
		if p.MinGap > 0 {
			open = fmt.Sprintf("a message in %v", p.MinGap)
		}
		fmt.Fprintf(&b, "| %s | %s | %s / %s | %s | %.1f %% | %d B, %s | %s |\n", p.Name, p.Description, bitRate(p.RateUp), bitRate(p.RateDown),
			delay(p), 100*p.Loss.Mean(), p.MaxDatagram(true), short(p.Airtime(p.MaxDatagram(true), true)), open)
	}
	b.WriteString("\n| profile | NSTART | block | ACK_TIMEOUT | MAX_RETRANSMIT | MAX_LATENCY | MAX_TRANSMIT_SPAN | MAX_TRANSMIT_WAIT | EXCHANGE_LIFETIME | NON_LIFETIME | empty ACK after | DTLS flight | handshake at most | keepalive |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, p := range append([]Profile{Default()}, Profiles()...) {
		keepAlive := "–"
		if p.KeepAlive > 0 {
			keepAlive = short(p.KeepAlive)
		}
		fmt.Fprintf(&b, "| %s | %d | %d B | %s | %d | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", p.Name, p.NStart, p.BlockSize,
			short(p.AckTimeout), p.MaxRetransmit, short(p.MaxLatency), short(p.MaxTransmitSpan()), short(p.MaxTransmitWait()),
			short(p.ExchangeLifetime()), short(p.NonLifetime()), short(p.EmptyAckDelay), short(p.FlightInterval), short(p.HandshakeTimeout), keepAlive)
	}
	b.WriteString("\nKeys of a profile of your own: `base`")
	for _, f := range fields() {
		fmt.Fprintf(&b, ", `%s`", f.name)
	}
	b.WriteString(".\n\n")
	return b.String()
}

func bitRate(rate float64) string {
	switch {
	case rate == 0:
		return "messages"
	case rate >= 1e6:
		return fmt.Sprintf("%gM", rate/1e6)
	case rate >= 10_000:
		return fmt.Sprintf("%gk", rate/1e3)
	}
	return fmt.Sprint(rate)
}

func delay(p Profile) string {
	s := short(p.OneWayDelay)
	if p.Jitter > 0 {
		s += " + 0…" + short(p.Jitter)
	}
	if p.HalfDuplex {
		s += ", turn " + short(p.Turnaround+p.Preamble)
	}
	return s
}

// short writes a time in seconds with three digits at least.
func short(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
}
