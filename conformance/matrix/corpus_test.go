package matrix

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// corpus is a recorded session whose texts and keys the script uses.
const corpus = "../../testdata/corpus/sessions/s0.jsonl"

// readCorpus reads the request bodies of a recorded session.
func readCorpus(t *testing.T) map[string][]json.RawMessage {
	f, err := os.Open(corpus)
	require.NoError(t, err)
	defer f.Close()
	said := make(map[string][]json.RawMessage)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var line struct {
			Kind string
			Req  json.RawMessage
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		said[line.Kind] = append(said[line.Kind], line.Req)
	}
	require.NoError(t, lines.Err())
	return said
}

// roomKey is an encrypted room key for one device.
func (s *script) roomKey() json.RawMessage {
	var sent struct {
		Messages map[string]map[string]json.RawMessage
	}
	require.NoError(s.t, json.Unmarshal(s.said["to_device"][0], &sent))
	user := slices.Min(slices.Collect(maps.Keys(sent.Messages)))
	device := slices.Min(slices.Collect(maps.Keys(sent.Messages[user])))
	return sent.Messages[user][device]
}

func longer(a, b json.RawMessage) int { return len(a) - len(b) }

// told is what somebody said in the corpus as if p had: with p's user and device.
func (s *script) told(p person, body json.RawMessage) string {
	said := object(s.t, body)["device_keys"].(map[string]any)
	text := strings.ReplaceAll(string(body), said["user_id"].(string), p.id)
	return strings.ReplaceAll(text, said["device_id"].(string), p.device)
}

// texts gives the messages of the corpus one after the other, each tenth of them
// encrypted.
func (s *script) texts() func() (kind, body string) {
	n := 0
	return func() (string, string) {
		n++
		if secret := s.said["send_encrypted"]; n%10 == 0 {
			return "m.room.encrypted", string(secret[n%len(secret)])
		}
		open := s.said["send_text"]
		return "m.room.message", string(open[n%len(open)])
	}
}

// ciphertext is so many bytes of a message that was encrypted.
func (s *script) ciphertext(size int) string {
	for _, body := range s.said["send_encrypted"] {
		if c := object(s.t, body)["ciphertext"].(string); len(c) >= size {
			return c[:size]
		}
	}
	require.FailNow(s.t, "no ciphertext of that size")
	return ""
}
