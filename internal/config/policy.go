package config

import (
	"time"

	"github.com/coapgw/coapgw/coap/policy"
)

// Policy is what connect lets cross the link (package policy).
type Policy struct {
	// Chatter is ByTable or Full.
	Chatter string `help:"What becomes of the chatter of Matrix clients: table, by the rate of the link, as docs/policy.md has it; or full, everything crosses as it is." placeholder:"table|full"`
	// Rows are settings of rows of the table, as policy.ParseOverride takes them.
	Rows []string `name:"policy" help:"What becomes of the requests of one row of that table, such as typing=pass, receipts=merge:2m or versions=cache:1h; may be repeated." placeholder:"NAME=ACTION"`
	// WholeSync asks the far end not to shorten a first /sync.
	WholeSync bool `help:"Ask for first syncs as the client's filter has them, where the server would send fewer messages over a slow link."`
	// MaxMedia bounds the memory for files that were seen, in bytes; 0 keeps none.
	MaxMedia int `help:"Bytes of memory for files and avatars that were seen before. 0: none is kept." placeholder:"BYTES"`
	// MaxDownload and MaxUpload bound a file in one direction, in bytes; 0 is what the
	// link carries in 15 minutes, -1 no bound.
	MaxDownload int64 `help:"Largest file that comes over the link, in bytes. 0: what the link carries in 15 minutes. -1: any." placeholder:"BYTES"`
	MaxUpload   int64 `help:"Largest file that goes over the link, in bytes. 0: what the link carries in 15 minutes. -1: any." placeholder:"BYTES"`
}

// Values of Chatter.
const (
	// ByTable has the policy decide; the default.
	ByTable = "table"
	// Full lets everything cross.
	Full = "full"
)

// Override returns the settings of rows, or an *Error.
func (p Policy) Override() (policy.Override, error) {
	o, err := policy.ParseOverride(p.Rows)
	if err != nil {
		return nil, fail("policy", "%s", err)
	}
	return o, nil
}

// Check reports the first thing wrong with p as an *Error.
func (p Policy) Check() error {
	_, err := p.Override()
	switch {
	case p.Chatter != ByTable && p.Chatter != Full:
		return fail("chatter", "%q is unknown: use table or full", p.Chatter)
	case err != nil:
		return err
	case p.Chatter == Full && len(p.Rows) > 0:
		return fail("policy", "is of no use with --chatter full")
	case p.MaxMedia < 0:
		return fail("max-media", "must not be negative")
	case p.MaxDownload < -1:
		return fail("max-download", "%d is less than -1, which is no bound", p.MaxDownload)
	case p.MaxUpload < -1:
		return fail("max-upload", "%d is less than -1, which is no bound", p.MaxUpload)
	}
	return nil
}

// Outbox is whether messages wait in the state file until they are sent (package
// outbox).
type Outbox struct {
	// Enabled turns it on.
	Enabled bool `name:"outbox" help:"Keep messages in --state until they are sent: they survive an outage of the link and a restart. Access tokens of what waits are in the file, too, encrypted."`
	// Hold is how long a client waits before it is told to come again; 0 is as long as it
	// likes.
	Hold time.Duration `name:"outbox-hold" help:"Tell a client after this long to come again for the answer, for clients that give up sooner than the link takes. 0: it is held as long as it waits." placeholder:"DURATION"`
}

// Check reports the first thing wrong with o as an *Error; s is where it would keep what
// waits.
func (o Outbox) Check(s State) error {
	switch {
	case o.Enabled && s.File == "":
		return fail("outbox", "needs --state, the file in which messages wait")
	case o.Hold < 0:
		return fail("outbox-hold", "must not be negative")
	case o.Hold > 0 && !o.Enabled:
		return fail("outbox-hold", "is of use only with --outbox")
	}
	return nil
}
