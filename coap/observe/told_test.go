package observe_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/coap/observe"
)

// typing is an answer as Dendrite repeats it.
const typing = `{"next_batch":"s%d","rooms":{"join":{"!a:hs":{"ephemeral":{"events":[{"content":{"user_ids":[%s]},"type":"m.typing"}]},"unread_notifications":{"highlight_count":0,"notification_count":%d}}}},"device_one_time_keys_count":{}}`

// TestRepeats: what says the same again is a repetition once it was told, in whatever else
// says nothing.
func TestRepeats(t *testing.T) {
	var told observe.Told
	answer := fmt.Sprintf(typing, 1, "", 1)
	said, repeats := told.Repeats([]byte(answer))
	assert.False(t, repeats, "nothing was told yet")
	_, repeats = told.Repeats([]byte(answer))
	assert.False(t, repeats, "nor by now")
	told.Learn(said)
	for _, again := range []string{
		fmt.Sprintf(typing, 2, "", 1),
		strings.Replace(answer, `"unread`, `"timeline":{"events":[],"limited":false,"prev_batch":"t4"},"summary":{},"unread`, 1),
		strings.Replace(answer, `,"unread_notifications":{"highlight_count":0,"notification_count":1}`, "", 1),
		`{"next_batch":"s3","rooms":{"join":{"!a:hs":{"unread_notifications":{"highlight_count":0, "notification_count":1}}},"leave":{}}}`,
		`{"next_batch":"s4","to_device":{"events":[]}}`,
	} {
		_, repeats = told.Repeats([]byte(again))
		assert.True(t, repeats, "%s", again)
	}
	news := map[string]string{
		"somebody types":              fmt.Sprintf(typing, 2, `"@a:hs"`, 1),
		"unread":                      fmt.Sprintf(typing, 2, "", 2),
		"in another room":             strings.ReplaceAll(answer, "!a:hs", "!b:hs"),
		"a message":                   strings.Replace(answer, `"unread`, `"timeline":{"events":[{"type":"m.room.message"}]},"unread`, 1),
		"a gap":                       strings.Replace(answer, `"unread`, `"timeline":{"events":[],"limited":true},"unread`, 1),
		"state":                       strings.Replace(answer, `"unread`, `"state":{"events":[{"type":"m.room.name"}]},"unread`, 1),
		"a number of members":         strings.Replace(answer, `"unread`, `"summary":{"m.joined_member_count":2},"unread`, 1),
		"a receipt":                   strings.Replace(answer, `"type":"m.typing"}`, `"type":"m.typing"},{"type":"m.receipt","content":{}}`, 1),
		"typing twice":                strings.Replace(answer, `"type":"m.typing"}`, `"type":"m.typing"},{"type":"m.typing","content":{"user_ids":[]}}`, 1),
		"typing without content":      strings.Replace(answer, `"content":{"user_ids":[]},`, "", 1),
		"account data of the room":    strings.Replace(answer, `"unread`, `"account_data":{"events":[{"type":"m.fully_read"}]},"unread`, 1),
		"an invite":                   strings.Replace(answer, `"join"`, `"invite":{"!c:hs":{"invite_state":{"events":[{}]}}},"join"`, 1),
		"to-device":                   strings.Replace(answer, `"rooms"`, `"to_device":{"events":[{"type":"m.room.encrypted"}]},"rooms"`, 1),
		"presence":                    strings.Replace(answer, `"rooms"`, `"presence":{"events":[{"type":"m.presence"}]},"rooms"`, 1),
		"device lists":                strings.Replace(answer, `"rooms"`, `"device_lists":{"changed":["@a:hs"]},"rooms"`, 1),
		"what nobody knows yet":       strings.Replace(answer, `"rooms"`, `"org.example":1,"rooms"`, 1),
		"threads":                     strings.Replace(answer, `"unread_notifications"`, `"unread_thread_notifications":{},"unread_notifications"`, 1),
		"what nobody knows in a room": strings.Replace(answer, `"unread`, `"org.example":true,"unread`, 1),
		"no JSON":                     answer[1:],
		"rooms that are none":         `{"next_batch":"s2","rooms":[1]}`,
		"events that are none":        `{"next_batch":"s2","rooms":{"join":{"!a:hs":{"ephemeral":{"events":{"a":1}}}}}}`,
	}
	for name, body := range news {
		t.Run(name, func(t *testing.T) {
			assert.NotEqual(t, answer, body)
			_, repeats := told.Repeats([]byte(body))
			assert.False(t, repeats, "%s", body)
		})
	}
}

// TestRepeatsFollow: an observer who is told all but repetitions knows of every room what one
// knows who is told everything.
func TestRepeatsFollow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var told observe.Told
		actual, known := map[string]string{}, map[string]string{}
		for range rapid.IntRange(1, 30).Draw(t, "answers") {
			rooms := []string{}
			said := map[string]string{}
			for _, room := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"!a", "!b", "!c"}), 1, 3, rapid.ID[string]).Draw(t, "rooms") {
				who := rapid.SampledFrom([]string{"", `"@a"`, `"@b"`}).Draw(t, "who")
				said[room], actual[room] = who, who
				rooms = append(rooms, fmt.Sprintf(`%q:{"ephemeral":{"events":[{"type":"m.typing","content":{"user_ids":[%s]}}]}}`, room, who))
			}
			facts, repeats := told.Repeats([]byte(`{"next_batch":"s","rooms":{"join":{` + strings.Join(rooms, ",") + `}}}`))
			if repeats {
				continue
			}
			if rapid.Bool().Draw(t, "acknowledged") {
				told.Learn(facts)
				for room, who := range said {
					known[room] = who
				}
			} else { // the observation is over, and its successor goes on from before
				told = observe.Told{}
				for room, who := range said {
					known[room] = who
				}
			}
			assert.Equal(t, actual, known)
		}
		assert.Equal(t, actual, known)
	})
}

func FuzzRepeats(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(typing, 1, "", 1)))
	f.Add([]byte(`{"next_batch":"s2","rooms":{"join":{"!a:hs":{"timeline":{"limited":false}}}},"presence":{"events":[{}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var told observe.Told
		said, _ := told.Repeats(body)
		told.Learn(said)
		told.Repeats(body)
	})
}
