package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/golden"
)

// TestPage compares docs/policy.md with the tables. UPDATE_GOLDEN=1 writes it.
func TestPage(t *testing.T) {
	for _, tt := range []struct{ what, want string }{{"rows", rowsPage()}, {"links", linksPage()}} {
		golden.Of("../../docs/policy.md", tt.what+" of coap/policy").Hold(t, tt.want, golden.Update())
	}
}

func rowsPage() string {
	var b strings.Builder
	b.WriteString("\n| row | requests |")
	for tier := range tiers {
		fmt.Fprintf(&b, " %s |", Tier(tier))
	}
	b.WriteString(" what a person sees |\n|---|---|" + strings.Repeat("---|", tiers) + "---|\n")
	for _, r := range rows {
		paths := make([]string, len(r.Paths))
		for i, p := range r.Paths {
			paths[i] = "`" + p + "`"
		}
		fmt.Fprintf(&b, "| %s | %s %s |", r.Name, r.Method, strings.Join(paths, ", "))
		for _, a := range r.Actions {
			fmt.Fprintf(&b, " %s |", a)
		}
		fmt.Fprintf(&b, " %s |\n", r.Seen)
	}
	b.WriteString("\nOf these every request crosses: ")
	for i, p := range neverRows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("`" + p + "`")
	}
	return b.String() + ".\n\n"
}

func linksPage() string {
	var b strings.Builder
	b.WriteString("\n| profile | bit/s up / down | tier | timeline in a first /sync | file up | file down |\n|---|---|---|---|---|---|\n")
	limit := func(n int64) string {
		if n == 0 {
			return "any"
		}
		return bytesText(n)
	}
	for _, p := range append([]link.Profile{link.Default()}, link.Profiles()...) {
		events := "as the client asks"
		if n := SyncCut(p, false); n > 0 {
			events = fmt.Sprint(n)
		}
		rates := "not known"
		if up, down := Rate(p, true), Rate(p, false); up > 0 {
			rates = fmt.Sprintf("%.0f / %.0f", up, down)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", p.Name, rates, TierOf(p), events, limit(Limit(p, true)), limit(Limit(p, false)))
	}
	return b.String() + "\n"
}
