package integrity

import (
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The example of docs/integrity.md is what this package makes: anyone who writes a
// second implementation can check it against the bytes there.
func TestExample(t *testing.T) {
	key, err := hex.DecodeString("000102030405060708090a0b0c0d0e0f")
	require.NoError(t, err)
	st := &station{Station: Station{Call: "OE1XYZ-7", Key: key}}
	numberStations([]*station{st})
	st.keys = newStationKeys(st.Station)
	client, server := nonce{1, 2, 3, 4, 5, 6, 7, 8}, nonce{0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18}
	h := hello{client, st.Call}.seal(st.keys.hello)
	w := st.answer(hello{client, st.Call}, h, func() nonce { return server })
	s := newSecrets(st.Station, st.number, client, server)
	up := record{st.number, 0, []byte("73")}.seal(s.keys.up)
	down := record{st.number, 0, []byte("73 es gl")}.seal(s.keys.down)
	reset := sealReset(record{session: st.number}, tagOf(up), st.keys.reset)

	doc, err := os.ReadFile("../docs/integrity.md")
	require.NoError(t, err)
	_, example, ok := strings.Cut(string(doc), "## Example")
	require.True(t, ok)
	example, _, _ = strings.Cut(example, "\n## ")
	documented := map[string]string{}
	name := ""
	for line := range strings.Lines(example) {
		if m := regexp.MustCompile(`^\*\*(.*)\*\*`).FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		if m := regexp.MustCompile(`^    ((?:[0-9a-f]{2} ?)+)`).FindStringSubmatch(line); m != nil {
			documented[name] += strings.ReplaceAll(m[1], " ", "")
		}
	}
	assert.Equal(t, map[string]string{
		"Hello": fmt.Sprintf("%x", h), "Welcome": fmt.Sprintf("%x", w), "Key up": fmt.Sprintf("%x", s.keys.up),
		"Key down": fmt.Sprintf("%x", s.keys.down), "Datagram up": fmt.Sprintf("%x", up),
		"Datagram down": fmt.Sprintf("%x", down), "Reset": fmt.Sprintf("%x", reset),
	}, documented)
}
