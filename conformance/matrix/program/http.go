package program

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// checkTimeout bounds one readiness request, so that an answer that never comes
// is asked for again.
const checkTimeout = 5 * time.Second

// HTTPReady returns a check for Ready: a GET of url is answered with status 200.
func HTTPReady(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, resp.Status)
		}
		return nil
	}
}
