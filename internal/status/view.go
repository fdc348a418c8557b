package status

import "time"

// View is what the page shows, and what /status.json answers: times in seconds, sizes in
// bytes, up from the side of the clients to that of the homeserver.
type View struct {
	Role    Role      `json:"role"`
	Version string    `json:"version,omitempty"`
	At      time.Time `json:"at"`
	State   State     `json:"state"`
	Link    LinkView  `json:"link"`
	Today   Today     `json:"today"`
	// Minutes are the bytes of the latest minutes, the latest last.
	Minutes   []MinuteView   `json:"minutes"`
	Transfers []TransferView `json:"transfers"`
	// UnderWay is how many requests are; Requests are some of them, the oldest first.
	UnderWay int           `json:"requests_under_way"`
	Requests []RequestView `json:"requests"`
	Queue    Queue         `json:"queue"`
	Outbox   *OutboxView   `json:"outbox,omitempty"`
	Chatter  *ChatterView  `json:"chatter,omitempty"`
	// Sessions are the latest ones heard of, SessionCount is how many there are.
	SessionCount int           `json:"session_count"`
	Sessions     []SessionView `json:"sessions"`
	Problems     []ProblemView `json:"problems"`
}

// State is how the link does, in a word and in a sentence.
type State struct {
	// Level is "up", "idle", "slow" or "down".
	Level string `json:"level"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

// LinkView is what is known of the link.
type LinkView struct {
	Profile     string `json:"profile"`
	Description string `json:"description,omitempty"`
	// RoundTrip and LeastRoundTrip are 0 while none was measured.
	RoundTrip      float64 `json:"round_trip_seconds"`
	LeastRoundTrip float64 `json:"least_round_trip_seconds"`
	// LossUp and LossDown are parts from 0 to 1, -1 while unknown.
	LossUp          float64    `json:"loss_up"`
	LossDown        float64    `json:"loss_down"`
	Retransmissions uint64     `json:"retransmissions"`
	GaveUp          uint64     `json:"gave_up"`
	Handshakes      uint64     `json:"handshakes"`
	Resumed         uint64     `json:"resumed"`
	Failed          uint64     `json:"failed"`
	Refused         uint64     `json:"refused"`
	WireVersion     int        `json:"wire_version,omitempty"`
	Heard           *time.Time `json:"heard,omitempty"`
}

// Today is what went over the link since midnight, or since the start if that is later.
type Today struct {
	Since time.Time `json:"since"`
	Up    Way       `json:"up"`
	Down  Way       `json:"down"`
	// HTTPSUp and HTTPSDown estimate what the same would have cost over HTTPS; 0 where
	// nothing tells. Handshakes are left out on both sides.
	HTTPSUp   Way `json:"https_up_estimated"`
	HTTPSDown Way `json:"https_down_estimated"`
	// OutsideUp and OutsideDown are what Up and Down leave out: handshakes, those that failed
	// included, and at a server what strangers sent.
	OutsideUp   Way `json:"outside_up"`
	OutsideDown Way `json:"outside_down"`
	// Requests is how many the clients made.
	Requests uint64 `json:"requests"`
	// Ratio is bytes of options and payload for each byte of path, query and body, 0
	// while unknown.
	Ratio float64 `json:"coded_ratio"`
}

// Way is one direction.
type Way struct {
	Bytes     uint64  `json:"bytes"`
	Datagrams uint64  `json:"datagrams,omitempty"`
	Airtime   float64 `json:"airtime_seconds"`
}

// Total is bytes of both directions.
func (t Today) Total() uint64 { return t.Up.Bytes + t.Down.Bytes }

// Outside is OutsideUp and OutsideDown, in bytes.
func (t Today) Outside() uint64 { return t.OutsideUp.Bytes + t.OutsideDown.Bytes }

// HTTPS is Total for HTTPS.
func (t Today) HTTPS() uint64 { return t.HTTPSUp.Bytes + t.HTTPSDown.Bytes }

// Airtime is that of both directions, in seconds.
func (t Today) Airtime() float64 { return t.Up.Airtime + t.Down.Airtime }

// HTTPSAirtime is Airtime for HTTPS.
func (t Today) HTTPSAirtime() float64 { return t.HTTPSUp.Airtime + t.HTTPSDown.Airtime }

// Share and HTTPSShare are in the same proportion as Total and HTTPS; the greater one is
// 100.
func (t Today) Share() int { return share(t.Total(), t.HTTPS()) }

// HTTPSShare is Share of HTTPS.
func (t Today) HTTPSShare() int { return share(t.HTTPS(), t.Total()) }

func share(n, other uint64) int { return int(100 * n / max(n, other, 1)) }

// Saved is the part of the bytes of HTTPS that did not have to go, 0 where it is not known
// or nothing.
func (t Today) Saved() float64 {
	if t.HTTPS() == 0 || t.Total() >= t.HTTPS() {
		return 0
	}
	return 1 - float64(t.Total())/float64(t.HTTPS())
}

// MinuteView is what went over the link in a minute.
type MinuteView struct {
	Up   uint64 `json:"up"`
	Down uint64 `json:"down"`
}

// TransferView is a body under way.
type TransferView struct {
	What string `json:"what"`
	Path string `json:"path,omitempty"`
	// Up is the direction.
	Up    bool      `json:"up"`
	Began time.Time `json:"began"`
	Done  int64     `json:"done"`
	Total int64     `json:"total"` // -1 for unknown
	// Rate is bytes per second, 0 for unknown; Left is -1 for unknown.
	Rate float64 `json:"rate"`
	Left float64 `json:"left_seconds"`
	Peer string  `json:"peer,omitempty"`
}

// Percent is how much of it has come.
func (t TransferView) Percent() int {
	if t.Total <= 0 {
		return 0
	}
	return int(100 * t.Done / t.Total)
}

// RequestView is a request under way.
type RequestView struct {
	What  string    `json:"what"`
	Path  string    `json:"path"`
	Began time.Time `json:"began"`
	For   float64   `json:"for_seconds"`
}

// Queue is what waits at the link.
type Queue struct {
	// Outstanding messages wait for an acknowledgement, Waiting ones for their turn, and
	// Datagrams until the link is free.
	Outstanding int `json:"outstanding"`
	Waiting     int `json:"waiting"`
	Datagrams   int `json:"datagrams"`
	// Observations are open.
	Observations int `json:"observations"`
}

// OutboxView is an Outbox.
type OutboxView struct {
	Waiting int        `json:"waiting"`
	Bytes   int64      `json:"bytes"`
	Oldest  *time.Time `json:"oldest,omitempty"`
	Full    bool       `json:"full"`
}

// ChatterView is a Chatter.
type ChatterView struct {
	Paused   bool   `json:"paused"`
	Answered uint64 `json:"answered"`
	Merged   uint64 `json:"merged"`
	Dropped  uint64 `json:"dropped"`
}

// SessionView is a session.
type SessionView struct {
	Number   uint64    `json:"number"`
	Identity string    `json:"identity,omitempty"`
	Address  string    `json:"address"`
	Began    time.Time `json:"began"`
	Resumed  bool      `json:"resumed"`
	// Peer is "coapgw", "other" or "unknown".
	Peer        string     `json:"peer"`
	WireVersion int        `json:"wire_version,omitempty"`
	Profile     string     `json:"profile"`
	Heard       *time.Time `json:"heard,omitempty"`
	Up          uint64     `json:"up"`
	Down        uint64     `json:"down"`
	RoundTrip   float64    `json:"round_trip_seconds"`
	Loss        float64    `json:"loss"` // the greater one of both directions, -1 for unknown
	Observers   int        `json:"observers"`
}

// ProblemView is a Problem.
type ProblemView struct {
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Times  int       `json:"times"`
	Severe bool      `json:"severe"`
	Text   string    `json:"text"`
	Detail string    `json:"detail,omitempty"`
}
