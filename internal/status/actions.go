package status

import (
	"context"
	"crypto/subtle"
	"net/http"
	"time"
)

// action is a button of the page.
type action struct {
	Name, Label, Hint string
	// done and failed say what came of it.
	done, failed string
	do           func(Actions) func(context.Context) error
}

var actions = []action{
	{
		"pause", "Pause chatter", "Only messages go over the link: no typing notices, receipts or presence.",
		"Chatter is paused.", "Chatter could not be paused.",
		func(a Actions) func(context.Context) error { return pausing(a, true) },
	},
	{
		"resume", "Resume chatter", "Typing notices, receipts and presence go over the link again.",
		"Chatter goes over the link again.", "Chatter could not be resumed.",
		func(a Actions) func(context.Context) error { return pausing(a, false) },
	},
	{
		"flush", "Send now", "What waits is sent at once.",
		"What waited is being sent.", "What waits could not be sent.",
		func(a Actions) func(context.Context) error { return a.Flush },
	},
	{
		"rehandshake", "New session", "Drops the session with the other end and makes another. It costs a handshake.",
		"The next request begins a new session.", "A new session could not be begun.",
		func(a Actions) func(context.Context) error { return a.Rehandshake },
	},
}

func pausing(a Actions, paused bool) func(context.Context) error {
	if a.PauseChatter == nil {
		return nil
	}
	return func(ctx context.Context) error { return a.PauseChatter(ctx, paused) }
}

// buttons are the actions that can be done now.
func (h *Handler) buttons(v *View) (all []action) {
	for _, a := range actions {
		paused := v.Chatter != nil && v.Chatter.Paused
		if a.do(h.o.Actions) == nil || a.Name == "pause" && paused || a.Name == "resume" && !paused {
			continue
		}
		all = append(all, a)
	}
	return all
}

// actionTimeout bounds what an action may take.
const actionTimeout = 30 * time.Second

// maxForm is how long a form may be, in bytes.
const maxForm = 4096

// act does what a form asks, and shows the page again.
func (h *Handler) act(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if subtle.ConstantTimeCompare([]byte(r.PostFormValue("form")), []byte(h.form)) != 1 {
		answer(w, http.StatusForbidden, "This form is not of this page, or from before a restart. Open the page again.")
		return
	}
	for _, a := range actions {
		do := a.do(h.o.Actions)
		if a.Name != r.PathValue("name") || do == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(r.Context(), actionTimeout)
		defer cancel()
		result := "/?done="
		if do(ctx) != nil {
			result = "/?failed="
		}
		http.Redirect(w, r, result+a.Name, http.StatusSeeOther)
		return
	}
	http.NotFound(w, r)
}

// result says what came of the action that led to this page.
func result(r *http.Request) (text string, failed bool) {
	for _, a := range actions {
		switch a.Name {
		case r.URL.Query().Get("done"):
			return a.done, false
		case r.URL.Query().Get("failed"):
			return a.failed, true
		}
	}
	return "", false
}
