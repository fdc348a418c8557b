package policy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
)

func TestTierOf(t *testing.T) {
	want := map[string]Tier{
		"default": Fast, "leo-broadband": Fast, "geo-vsat": Fast, "bgan": Fast, "sixlowpan": Fast,
		"certus100": Moderate, "iridium-2400": Moderate, "gprs": Moderate, "hf-s5066-2400": Moderate,
		"nbiot-ce2": Slow, "meshtastic-lf": Slow, "vhf-ax25-1200": Slow, "hf-vara500": Slow, "leo-pass": Slow,
		"hf-s5066-75": Slowest, "fosdem-100bps": Slowest, "iridium-sbd": Slowest,
	}
	for _, name := range link.Names() {
		assert.Equal(t, want[name].String(), TierOf(profile(t, name)).String(), name)
	}
	assert.Len(t, link.Names(), len(want))
	assert.Equal(t, Fast, TierOf(link.Profile{}), "nothing is known")
	assert.Equal(t, "unknown", Tier(9).String())
}

func TestRate(t *testing.T) {
	assert.InDelta(t, 340*8/40.0, Rate(profile(t, "iridium-sbd"), true), 0.01)
	assert.InDelta(t, 270*8/40.0, Rate(profile(t, "iridium-sbd"), false), 0.01)
	assert.InDelta(t, 9600*480/5700.0, Rate(profile(t, "leo-pass"), true), 0.01)
	p := link.Default()
	assert.Zero(t, Rate(p, true))
	p.RateUp, p.MinGap, p.MTU = 100, time.Second, 1000
	assert.InDelta(t, 100, Rate(p, true), 0, "the gap is not what bounds it")
}

// TestRows: names are unique, actions fit their rows, and no row is about what must
// always cross.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rows() {
		assert.False(t, seen[r.Name], r.Name)
		seen[r.Name] = true
		assert.NotEmpty(t, r.Seen, r.Name)
		for tier, a := range r.Actions {
			assert.True(t, r.Takes(a), "%s %v", r.Name, a)
			if Tier(tier) == Fast && !r.media {
				assert.Equal(t, Pass, a.Verb, r.Name)
			}
		}
		for _, never := range neverRows {
			for _, path := range r.Paths {
				assert.False(t, matches(never, segments(strings.ReplaceAll(path, "/...", "/x"))), "%s: %s", r.Name, path)
			}
		}
	}
}

func TestMatching(t *testing.T) {
	for target, want := range map[string]string{
		"PUT " + typing: "typing",
		"PUT /_matrix/client/r0/rooms/%21r%3Ahs/typing/%40a%3Ahs": "typing",
		"GET " + typing:                                                         "",
		"PUT " + typing + "/x":                                                  "",
		"PUT " + v3 + "presence/@a:hs/status":                                   "presence",
		"POST " + receipt + "$e":                                                "receipts",
		"POST " + v3 + "rooms/!r:hs/read_markers":                               "read-markers",
		"GET /_matrix/client/versions":                                          "versions",
		"GET " + v3 + "capabilities":                                            "capabilities",
		"GET " + v3 + "pushrules":                                               "push-rules",
		"GET " + v3 + "pushrules/":                                              "push-rules",
		"GET " + v3 + "pushrules/global/override/x":                             "push-rules",
		"PUT " + v3 + "pushrules/global/override/x":                             "",
		"GET " + v3 + "voip/turnServer":                                         "turn-server",
		"GET " + v3 + "room_keys/version":                                       "key-backup",
		"GET " + v3 + "room_keys/version/1":                                     "key-backup",
		"GET " + v3 + "room_keys/keys":                                          "",
		"GET " + v3 + "profile/@a:hs/avatar_url":                                "profile",
		"GET /_matrix/client/v1/media/download/hs/abc":                          "media",
		"GET /_matrix/client/v1/media/thumbnail/hs/abc?width=1":                 "media",
		"GET /_matrix/media/v3/download/hs/abc/name.png":                        "media",
		"GET /_matrix/client/v1/media/config":                                   "media-config",
		"GET /_matrix/media/r0/config":                                          "media-config",
		"GET " + v3 + "thirdparty/protocols":                                    "protocols",
		"GET /.well-known/matrix/client":                                        "well-known",
		"GET " + v3 + "sync":                                                    "",
		"GET " + v3 + "login":                                                   "",
		"GET " + v3 + "account/whoami":                                          "",
		"POST " + v3 + "keys/query":                                             "",
		"GET /":                                                                 "",
		"GET /_matrix/client/unstable/org.matrix.msc3916/media/download/hs/abc": "media",
	} {
		method, path, _ := strings.Cut(target, " ")
		r, err := http.NewRequest(method, "http://hs"+path, nil)
		require.NoError(t, err)
		c, ok := read(r)
		require.True(t, ok)
		got := ""
		if c.row != nil {
			got = c.row.Name
		}
		assert.Equal(t, want, got, target)
	}
}

func TestOverride(t *testing.T) {
	o, err := ParseOverride([]string{"typing=pass", "receipts=merge:90s", "versions=cache:1h30m", "media=pass", "presence=drop", "media=cache:forever"})
	require.NoError(t, err)
	assert.Equal(t, "media=cache:forever,presence=drop,receipts=merge:1m30s,typing=pass,versions=cache:1h30m", o.String())
	for _, bad := range []string{
		"", "typing", "typing=", "nothing=pass", "typing=cache:1h", "versions=drop", "versions=merge:1s", "typing=merge", "typing=drop:1s",
		"typing=merge:0s", "typing=merge:2h", "typing=merge:-1s", "typing=merge:forever", "versions=cache:forever", "media=cache:1h", "media=drop", "typing=pass:1s",
	} {
		_, err := ParseOverride([]string{bad})
		assert.Error(t, err, bad)
	}
	for _, r := range Rows() {
		for _, a := range r.Actions {
			again, err := ParseAction(a.String())
			require.NoError(t, err)
			assert.Equal(t, a, again)
		}
	}
}

func FuzzParseAction(f *testing.F) {
	for _, s := range []string{"pass", "drop", "merge:30s", "cache:forever", "cache:1h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAction(text)
		if err != nil {
			return
		}
		again, err := ParseAction(a.String())
		require.NoError(t, err)
		require.Equal(t, a, again)
	})
}

func TestLimit(t *testing.T) {
	for name, want := range map[string][2]int64{
		"bgan": {0, 0}, "default": {0, 0}, "gprs": {2_200_000, 4_500_000}, "iridium-2400": {270_000, 270_000},
		"hf-vara500": {33_000, 33_000}, "hf-s5066-75": {8400, 8400}, "iridium-sbd": {7600, 6000}, "leo-pass": {570_000, 570_000},
	} {
		assert.Equal(t, want[0], Limit(profile(t, name), true), name)
		assert.Equal(t, want[1], Limit(profile(t, name), false), name)
	}
}
