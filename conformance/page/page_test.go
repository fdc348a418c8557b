package page

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/internal/status"
)

var update = flag.Bool("update", false, "write the screenshots of docs/img")

// patience ends what hangs: a browser takes its time to start on a busy machine.
const patience = 5 * time.Minute

// browser starts a Chromium of its own, which ends with the test. The page must not
// complain, but for complaints with a text of those that are expected.
func browser(t *testing.T, expected ...string) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	require.NotEmpty(t, path, "no Chromium: apt-get install chromium")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.WSURLReadTimeout(patience))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until the browser is gone
		cancel()
	})
	require.NoError(t, chromedp.Do(ctx))
	watching, stop := context.WithCancel(ctx)
	var watched sync.WaitGroup
	watched.Go(func() {
		for m, err := range chromedp.Console(watching) {
			if err != nil {
				return
			}
			// What a policy forbids is in the log of the browser.
			known := slices.ContainsFunc(expected, func(e string) bool { return strings.Contains(m.Text, e) })
			if (m.IsException() || m.Type == "error") && !known {
				t.Errorf("the page complains: %v", m)
			}
		}
	})
	t.Cleanup(func() {
		stop()
		watched.Wait()
	})
	return ctx
}

// device is what a page is looked at with.
type device struct {
	name          string
	width, height int64
	dark          bool
}

var devices = []device{
	{"desktop", 1180, 900, false},
	{"desktop-dark", 1180, 900, true},
	{"phone", 390, 844, false},
	{"phone-dark", 390, 844, true},
}

// look has the browser show pages as the device does.
func (d device) look(ctx context.Context) error {
	scheme := "light"
	if d.dark {
		scheme = "dark"
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		return err
	}
	return chromedp.Do(ctx, chromedp.EmulateViewport(d.width, d.height, chromedp.EmulateScale(1)))
}

// eval returns what an expression is on the page.
func eval[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(t, err, expression)
	return v
}

// await waits until an expression is true on the page.
func await(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	_, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(0)))
	require.NoError(t, err, expression)
}

// shoot takes a screenshot of the whole page, and keeps it in docs/img with -update.
func shoot(t *testing.T, ctx context.Context, name string, keep bool) {
	t.Helper()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.Greater(t, len(png), 10_000, "an empty page")
	if *update && keep {
		require.NoError(t, os.WriteFile(filepath.Join("../../docs/img", "status-"+name+".png"), png, 0o644))
	}
}

// TestLooks: both pages on all devices fit their width, and nothing on them is cut off.
func TestLooks(t *testing.T) {
	for _, page := range []struct {
		role   status.Role
		status coap.Status
		kept   []string // for docs/img
	}{
		{status.Connect, busy(), []string{"desktop", "phone-dark"}},
		{status.Serve, served(), []string{"desktop-dark", "phone"}},
	} {
		w := newWorld(t, page.role, page.status)
		ctx := browser(t)
		for _, d := range devices {
			require.NoError(t, d.look(ctx))
			require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(w.URL), chromedp.WaitVisible(chromedp.CSS("#today"))))
			assert.LessOrEqual(t, eval[int](t, ctx, "document.documentElement.scrollWidth"), eval[int](t, ctx, "window.innerWidth"), "%s: wider than the screen", d.name)
			background := eval[string](t, ctx, "getComputedStyle(document.body).backgroundColor")
			assert.Equal(t, map[bool]string{true: "rgb(13, 20, 24)", false: "rgb(244, 246, 247)"}[d.dark], background, d.name)
			shoot(t, ctx, string(page.role)+"-"+d.name, slices.Contains(page.kept, d.name))
		}
	}
}
