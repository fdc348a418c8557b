//go:build !linux

package activation

import "time"

// monotonic is for systemd, which there is on Linux only.
func monotonic() (time.Duration, bool) { return 0, false }
