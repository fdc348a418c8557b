package delivery

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/operations"
	"github.com/coapgw/coapgw/conformance/recorder"
)

// Step is something that a person waits for, or that costs while nobody does.
type Step struct {
	// Name is the name in tables.
	Name string
	// exchanges are made one after the other.
	exchanges []operations.Exchange
	manner    manner
	// slowest is the rate of the slowest direction, in bit/s, that a link needs for
	// the step to be worth trying.
	slowest float64
	// seeds are how many stories of loss and jitter the median is of.
	seeds uint64
}

// manner is how a step is measured.
type manner int

const (
	// cold: the two ends have never met.
	cold manner = iota
	// each: the mean of the exchanges on a warm connection.
	each
	// event: from the answer of the homeserver to its arrival.
	event
	// hour: the exchanges over and over, for an hour.
	hour
)

// Names of steps.
const (
	Connect  = "connect" // first contact: handshakes and /versions
	Send     = "send"    // a text message is sent, and its answer has come
	Message  = "message" // a message has come after its event, a long-poll was open
	Lazy     = "lazy"    // initial sync, 10 rooms, members loaded lazily
	Initial  = "initial" // initial sync, 10 rooms, 181 kB of JSON
	Upload   = "upload"  // 10 MB of media
	Download = "download"
	Idle     = "idle" // an hour with sync open and nothing new
)

const (
	// mediaBytes is the size of Upload and Download.
	mediaBytes = 10_000_000
	// sends are the messages of which Send is the mean.
	sends = 10
	// eventAfter is how long a long-poll is open before there is something: no round
	// number, for nothing else is to happen at that moment.
	eventAfter = 21_300 * time.Millisecond
	// syncRate and mediaRate are slowest for syncs and for media.
	syncRate, mediaRate = 1000, 1e6
	// usualSeeds are for all steps but media, which mediaSeeds are for.
	usualSeeds, mediaSeeds = 20, 5
)

// On reports whether the step makes sense on a link.
func (s Step) On(p link.Profile) bool {
	return s.slowest == 0 || min(p.RateUp, p.RateDown) >= s.slowest
}

// Seeds is how many stories of loss and jitter a median is of, from seed 1 on.
func (s Step) Seeds() uint64 { return s.seeds }

// Steps returns all steps.
func Steps() ([]Step, error) {
	all, err := operations.All()
	if err != nil {
		return nil, err
	}
	byName := make(map[string][]operations.Exchange)
	for _, op := range all {
		byName[op.Name] = op.Exchanges
	}
	for _, name := range []string{"handshake", "send", "sync", "initial-lazy", "initial", "idle"} {
		if len(byName[name]) == 0 {
			return nil, fmt.Errorf("there is no operation %q", name)
		}
	}
	message := byName["sync"][0]
	message.Hold = eventAfter
	upload, download := media()
	return []Step{
		{Connect, byName["handshake"], cold, 0, usualSeeds},
		{Send, different(byName["send"][0], sends), each, 0, usualSeeds},
		{Message, []operations.Exchange{message}, event, 0, usualSeeds},
		{Lazy, byName["initial-lazy"], each, syncRate, usualSeeds},
		{Initial, byName["initial"], each, syncRate, usualSeeds},
		{Upload, []operations.Exchange{upload}, each, mediaRate, mediaSeeds},
		{Download, []operations.Exchange{download}, each, mediaRate, mediaSeeds},
		{Idle, byName["idle"][:1], hour, 0, usualSeeds},
	}, nil
}

// different repeats a PUT with other transaction ids, for the same one again is
// the same message.
func different(e operations.Exchange, times int) (all []operations.Exchange) {
	for n := range times {
		one := e
		one.Request.URI = fmt.Sprintf("%s%d", strings.TrimRight(e.Request.URI, "0123456789"), 100+n)
		all = append(all, one)
	}
	return all
}

// media returns an upload and a download of what cannot be compressed.
func media() (upload, download operations.Exchange) {
	content := make([]byte, mediaBytes)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content) // never fails
	header := func(pairs ...string) http.Header {
		h := make(http.Header)
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	const token, date = "Bearer Ytw5zzLbU40DFY-AtcB4dbxcZpll3ZA2lmQFZrBQxVI", "Sun, 22 Nov 2026 11:00:00 GMT"
	upload.Request = recorder.Request{
		Method: "POST", URI: "/_matrix/media/v3/upload?filename=video.mp4", Body: content,
		Header: header("Authorization", token, "Content-Type", "video/mp4"),
	}
	upload.Response = recorder.Response{
		Status: http.StatusOK, Body: []byte(`{"content_uri":"mxc://chat.nordlicht-verein.org/hsKLUbiSUVhkmJGhyzVdDS"}`),
		Header: header("Content-Type", "application/json", "Date", date),
	}
	download.Request = recorder.Request{
		Method: "GET", URI: "/_matrix/client/v1/media/download/chat.nordlicht-verein.org/hsKLUbiSUVhkmJGhyzVdDS",
		Header: header("Authorization", token),
	}
	download.Response = recorder.Response{
		Status: http.StatusOK, Body: bytes.Clone(content), Header: header("Content-Type", "video/mp4", "Date", date),
	}
	return upload, download
}
