package pairing

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestKeyIsNeverShown(t *testing.T) {
	p := PSK{Identity: "alice", Key: wantKey()}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", p.Key)
	for _, s := range []string{
		fmt.Sprint(p), fmt.Sprintf("%v %+v %#v %x %X %s %q %d", p.Key, p, p, p.Key, p.Key, p.Key, p.Key, p.Key), log.String(),
	} {
		assert.Contains(t, s, "secret")
		for _, leak := range []string{hexKey, strings.ToUpper(hexKey), "0, 1, 2", "0 1 2", "0x1"} {
			assert.NotContains(t, s, leak)
		}
	}
}
