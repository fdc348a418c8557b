//go:build !clientonly

package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestSilenceIsNamed: who does not tell what link there is hears what that means behind a NAT.
func TestSilenceIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		link []string
		want bool
	}{
		"no link":          {nil, true},
		"default":          {[]string{"--link", "default"}, true},
		"default and more": {[]string{"--link", "base=default,keepalive=25s"}, false},
		"a link":           {[]string{"--link", "hf-vara500"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			out, w := io.Pipe()
			var errs bytes.Buffer
			code := make(chan int, 1)
			go func() {
				code <- run(ctx, append([]string{"connect", "--listen", "127.0.0.1:0", "--status-listen", "", "--server", "coap://127.0.0.1:9", "--plain-insecure"}, tt.link...),
					streams{in: strings.NewReader(""), out: w, err: &errs})
			}()
			readyAddress(t, out)
			stop()
			assert.Equal(t, exitOK, <-code)
			assert.Equal(t, tt.want, strings.Contains(errs.String(), "keepalive=25s"), errs.String())
		})
	}
}
