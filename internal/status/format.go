package status

import (
	"fmt"
	"math"
	"time"
)

// bytesText is a size for a person.
func bytesText(n uint64) string {
	switch f := float64(n); {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case f < 99_950:
		return fmt.Sprintf("%.1f kB", f/1e3)
	case f < 999_500:
		return fmt.Sprintf("%.0f kB", f/1e3)
	case f < 99_950_000:
		return fmt.Sprintf("%.1f MB", f/1e6)
	default:
		return fmt.Sprintf("%.0f MB", f/1e6)
	}
}

// rateText is a throughput for a person.
func rateText(perSecond float64) string {
	switch bits := perSecond * 8; {
	case bits <= 0:
		return ""
	case bits < 9_950:
		return fmt.Sprintf("%.0f bit/s", bits)
	case bits < 999_500:
		return fmt.Sprintf("%.0f kbit/s", bits/1e3)
	default:
		return fmt.Sprintf("%.1f Mbit/s", bits/1e6)
	}
}

// duration is a time in seconds for a person.
func duration(seconds float64) string {
	s := int64(math.Round(seconds))
	switch {
	case seconds <= 0:
		return "0 s"
	case seconds < 0.9995:
		return fmt.Sprintf("%.0f ms", seconds*1000)
	case seconds < 9.95:
		return fmt.Sprintf("%.1f s", seconds)
	case s < 100:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		if s%60 == 0 || s >= 600 {
			return fmt.Sprintf("%d min", (s+30)/60)
		}
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 48*3600 && s%3600 < 60:
		return fmt.Sprintf("%d h", s/3600)
	case s < 48*3600:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%d days", s/86400)
	}
}

// leftText is the time left of a transfer.
func leftText(t TransferView) string {
	switch {
	case t.Left == 0:
		return "almost done"
	case t.Left < 0:
		return "time left unknown"
	case t.Left < 90:
		return fmt.Sprintf("about %.0f s left", math.Max(t.Left, 1))
	case t.Left < 5400:
		return fmt.Sprintf("about %.0f min left", t.Left/60)
	default:
		return fmt.Sprintf("about %.1f h left", t.Left/3600)
	}
}

// agoText is how long ago something was.
func agoText(now time.Time, t *time.Time) string {
	if t == nil || t.IsZero() {
		return "never"
	}
	d := now.Sub(*t)
	if d < time.Second {
		return "just now"
	}
	if d < 10*time.Second {
		d = d.Truncate(time.Second)
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	}
	if d >= 100*time.Second && d < time.Hour {
		d = d.Truncate(time.Minute)
	}
	return duration(d.Seconds()) + " ago"
}

func percentText(part float64) string {
	switch {
	case part < 0:
		return "–"
	case part > 0 && part < 0.095:
		return fmt.Sprintf("%.1f %%", part*100)
	default:
		return fmt.Sprintf("%.0f %%", part*100)
	}
}
