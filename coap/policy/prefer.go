package policy

import (
	"net/http"
	"strconv"
	"strings"
)

// What a client's side wants otherwise than the far side would do goes along as a
// preference (RFC 7240), which costs bytes only then: option 266 with some ten bytes, on
// a first /sync or a download.
const (
	// preferSync asks for a first /sync as the client's filter says.
	preferSync = "sync"
	wholeSync  = "whole"
	// preferMedia is the limit for downloads, in bytes; 0 is none.
	preferMedia = "media"
)

// Preferences are what a client's side has asked of the far side.
type Preferences struct {
	// WholeSync: a first /sync is not shortened.
	WholeSync bool
	// Download bounds a file, in bytes, where HasDownload says so; 0 is no bound.
	Download    int64
	HasDownload bool
}

// ReadPreferences returns the preferences of a request and takes them out of its header:
// they are not for the homeserver. Others, and what cannot be read, stay.
func ReadPreferences(h http.Header) Preferences {
	var p Preferences
	var rest []string
	for _, field := range h["Prefer"] {
		for one := range strings.SplitSeq(field, ",") {
			one = strings.TrimSpace(one)
			name, value, _ := strings.Cut(one, "=")
			limit, err := strconv.ParseInt(value, 10, 64)
			switch {
			case name == preferSync && value == wholeSync:
				p.WholeSync = true
			case name == preferMedia && err == nil && limit >= 0:
				p.Download, p.HasDownload = limit, true
			case one != "":
				rest = append(rest, one)
			}
		}
	}
	if rest == nil {
		h.Del("Prefer")
	} else if len(h["Prefer"]) > 0 {
		h.Set("Prefer", strings.Join(rest, ", "))
	}
	return p
}

// prefer returns the request as Base gets it, with what is wanted of the far side.
func (t *Transport) prefer(c *call) *http.Request {
	var wants string
	switch {
	case c.Method != http.MethodGet && c.Method != "":
	case matchesAny(syncs, c.path):
		query := c.URL.Query()
		first := query.Get("since") == "" || query.Get("full_state") == "true"
		if first && (t.WholeSync || t.Off) && SyncCut(t.Profile, query.Get("since") != "") > 0 {
			wants = preferSync + "=" + wholeSync
		}
	case c.row != nil && c.row.media:
		if limit := t.limits.down; t.Off && Limit(t.Profile, false) != 0 {
			wants = preferMedia + "=0"
		} else if !t.Off && limit != Limit(t.Profile, false) {
			wants = preferMedia + "=" + strconv.FormatInt(limit, 10)
		}
	}
	if wants == "" {
		return c.Request
	}
	if others := c.Header["Prefer"]; len(others) > 0 {
		wants = strings.Join(others, ", ") + ", " + wants
	}
	return with(c.Request, "Prefer", wants)
}
