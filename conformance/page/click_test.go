package page

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/internal/status"
)

const visible = chromedp.CSS("#state")

// TestClickThrough: each button does what it says, and the page says so.
func TestClickThrough(t *testing.T) {
	w := newWorld(t, status.Connect, busy())
	ctx := browser(t)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(w.URL), chromedp.WaitVisible(visible)))
	press := func(name string) string {
		t.Helper()
		click := chromedp.Click(chromedp.CSS(`form[action="/actions/` + name + `"] button`))
		_, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, click))
		require.NoError(t, err)
		require.NoError(t, chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(".result"))))
		text, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(".result")))
		require.NoError(t, err)
		assert.Equal(t, "/", eval[string](t, ctx, "location.pathname + location.search"), "a reload would tell it again")
		return text
	}
	assert.Equal(t, "Chatter is paused.", press("pause"))
	assert.Zero(t, eval[int](t, ctx, `document.querySelectorAll('form[action="/actions/pause"]').length`))
	assert.Contains(t, eval[string](t, ctx, `document.getElementById("queue").innerText`), "paused")
	assert.Equal(t, "Chatter goes over the link again.", press("resume"))
	assert.Equal(t, "What waited is being sent.", press("flush"))
	assert.Equal(t, "The next request begins a new session.", press("rehandshake"))
	assert.Equal(t, []string{"pause", "resume", "flush", "rehandshake"}, w.did())
	w.mu.Lock()
	w.fails = true
	w.mu.Unlock()
	assert.Equal(t, "What waits could not be sent.", press("flush"))
}

// TestLive: the numbers change while one looks, what has the focus keeps it, and the page
// says when they are old.
func TestLive(t *testing.T) {
	w := newWorld(t, status.Connect, busy())
	ctx := browser(t, "ERR_CONNECTION")
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(w.URL), chromedp.WaitVisible(visible), chromedp.Focus(chromedp.CSS("button"))))
	assert.Equal(t, 15, eval[int](t, ctx, `document.querySelector("progress").value`))
	w.set(func(s *coap.Status) {
		s.Sessions[0].Transfers[0].Done = 20_000
		s.Sessions[0].Transfers[0].Left = 4 * time.Minute
	})
	await(t, ctx, `document.querySelector("progress").value == 74`)
	assert.Contains(t, eval[string](t, ctx, `document.getElementById("transfers").innerText`), "about 4 min left")
	assert.Equal(t, "BUTTON", eval[string](t, ctx, "document.activeElement.tagName"))
	w.set(func(s *coap.Status) { s.Sessions[0].Stats.Down = true })
	await(t, ctx, `document.title.startsWith("The link is down")`)
	w.Close()
	await(t, ctx, `document.body.classList.contains("stale")`)
	assert.Contains(t, eval[string](t, ctx, `document.getElementById("fresh").innerText`), "These numbers are old")
}

// TestWithoutScript: the numbers and the buttons need none.
func TestWithoutScript(t *testing.T) {
	w := newWorld(t, status.Connect, busy())
	ctx := browser(t)
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(w.URL), chromedp.WaitVisible(visible)))
	text, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("main")))
	require.NoError(t, err)
	for _, want := range []string{"Transferring", "26.0 kB", "about 12 min left", "9.2 s", "Sending a message"} {
		assert.Contains(t, text, want)
	}
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(chromedp.CSS(`form[action="/actions/flush"] button`)), chromedp.WaitVisible(chromedp.CSS(".result"))))
	assert.Equal(t, []string{"flush"}, w.did())
}

// TestKeyboard: everything that can be pressed is reached by Tab, in the order in which it
// stands, and pressed with Enter.
func TestKeyboard(t *testing.T) {
	w := newWorld(t, status.Connect, busy())
	ctx := browser(t)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(w.URL), chromedp.WaitVisible(visible)))
	var reached []string
	for range 5 {
		require.NoError(t, chromedp.Do(ctx, chromedp.KeyEvent(kb.Tab)))
		reached = append(reached, eval[string](t, ctx, "document.activeElement.textContent.trim()"))
		outline := eval[string](t, ctx, "getComputedStyle(document.activeElement).outlineStyle")
		assert.Equal(t, "solid", outline, "one sees where one is")
	}
	assert.Equal(t, []string{"Skip to the numbers", "Pause chatter", "Send now", "New session", "the numbers as JSON"}, reached)
	require.NoError(t, chromedp.Do(ctx, chromedp.Focus(chromedp.CSS(`form[action="/actions/flush"] button`)),
		chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(chromedp.CSS(".result"))))
	assert.Equal(t, []string{"flush"}, w.did())
}

// TestScreenReader: the tree that a screen reader gets has landmarks, named progress bars
// and buttons, and no picture without words.
func TestScreenReader(t *testing.T) {
	for role, s := range map[status.Role]coap.Status{status.Connect: busy(), status.Serve: served()} {
		w := newWorld(t, role, s)
		ctx := browser(t)
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(w.URL), chromedp.WaitVisible(visible)))
		tree, err := chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		require.NoError(t, err)
		named := map[string][]string{}
		for _, n := range tree.Nodes {
			if n.Ignored || n.Role == nil {
				continue
			}
			var kind, name string
			kind = strings.Trim(string(n.Role.Value), `"`)
			if n.Name != nil {
				name = strings.Trim(string(n.Name.Value), `"`)
			}
			named[kind] = append(named[kind], name)
			switch kind {
			case "progressbar", "button", "link", "image", "region", "table", "heading":
				if kind != "table" {
					assert.NotEmpty(t, name, "a %s without a name", kind)
				}
			}
		}
		assert.Len(t, named["main"], 1)
		assert.Len(t, named["banner"], 1)
		assert.Len(t, named["contentinfo"], 1)
		assert.NotEmpty(t, named["progressbar"])
		assert.Subset(t, named["region"], []string{"Today", "On its way", "Waiting", "What went wrong"})
		if role == status.Serve {
			assert.Equal(t, []string{"Who", "Link", "Heard", "Up", "Down", "Round trip", "Lost", "Version"}, named["columnheader"])
			assert.Len(t, named["rowheader"], 3)
		}
	}
}

// TestStrangers: a page elsewhere can neither read this one nor press its buttons.
func TestStrangers(t *testing.T) {
	w := newWorld(t, status.Connect, busy())
	req, err := http.NewRequestWithContext(context.Background(), "POST", w.URL+"/actions/flush", strings.NewReader("form=guess"))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	assert.Empty(t, w.did())
}
