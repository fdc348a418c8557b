package traffic

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coapgw/coapgw/internal/measure"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// generated makes all sessions once for all tests.
var generated = sync.OnceValue(func() map[string][]Session {
	all := map[string][]Session{}
	for _, s := range Servers() {
		all[s.Name] = Sessions(s)
	}
	return all
})

func recording(t testing.TB, sessions []Session) []byte {
	var b bytes.Buffer
	for _, s := range sessions {
		require.NoError(t, s.WriteJSONLines(&b))
	}
	return b.Bytes()
}

func TestSameBytesEachTime(t *testing.T) {
	for _, s := range Servers()[:6] {
		assert.True(t, bytes.Equal(recording(t, Sessions(s)), recording(t, Sessions(s))), s.Name)
	}
}

func TestBodiesAreJSON(t *testing.T) {
	for name, sessions := range generated() {
		for _, s := range sessions {
			for i, e := range s.Entries {
				require.True(t, json.Valid(e.Response), "%s %d %s: %s", name, i, e.Kind, e.Response)
				require.True(t, e.Request == nil || json.Valid(e.Request), "%s %d %s: %s", name, i, e.Kind, e.Request)
				_, err := url.ParseRequestURI(e.Target)
				require.NoError(t, err)
				require.False(t, strings.Contains(e.Target, "%!"), e.Target)
			}
		}
	}
}

func TestRecordingsCanBeRead(t *testing.T) {
	for _, sessions := range generated() {
		for _, s := range sessions {
			var read []measure.Entry
			require.NoError(t, measure.EachLine(bytes.NewReader(recording(t, []Session{s})), func(e measure.Entry) error {
				read = append(read, e)
				return nil
			}))
			require.Len(t, read, len(s.Entries))
			for i, e := range s.Entries {
				e.RequestType = jsonType // recordings do not tell it apart from none
				require.Equal(t, e, read[i])
			}
		}
	}
}

// TestTimesGoOn: responses come in order, and no event is younger than the answer it is in.
func TestTimesGoOn(t *testing.T) {
	age := regexp.MustCompile(`"age":-`)
	for _, sessions := range generated() {
		for _, s := range sessions {
			require.True(t, slices.IsSorted(s.Times))
			for _, e := range s.Entries {
				require.False(t, age.Match(e.Response), "%s %s", s.Name, e.Kind)
			}
		}
	}
}

// TestClientsNameWhatTheyKnow: whoever reacts, answers, edits, redacts or has read means an
// event of which the session has told.
func TestClientsNameWhatTheyKnow(t *testing.T) {
	named := map[string]bool{"send_reaction": true, "send_reply": true, "send_edit": true, "send_thread": true, "redact": true, "receipt": true, "read_markers": true}
	id := regexp.MustCompile(`(?:\$|%24)[A-Za-z0-9_-]{43}`)
	bare := func(found string) string { return strings.TrimPrefix(strings.TrimPrefix(found, "$"), "%24") }
	checked := 0
	for _, sessions := range generated() {
		for _, s := range sessions {
			told := map[string]bool{}
			for _, e := range s.Entries {
				if named[e.Kind] {
					for _, found := range id.FindAllString(e.Target+" "+string(e.Request), -1) {
						require.True(t, told[bare(found)], "%s %s %s", s.Name, e.Kind, found)
						checked++
					}
				}
				for _, found := range id.FindAllString(string(e.Response), -1) {
					told[bare(found)] = true
				}
			}
		}
	}
	require.Greater(t, checked, 1000)
}

// TestHeldOutIsUnknown: nothing of the servers that are held out is in what a model may
// learn from: no server, no user, no room, no phrase.
func TestHeldOutIsUnknown(t *testing.T) {
	var learned bytes.Buffer
	for _, s := range Servers() {
		if !s.HeldOut {
			learned.Write(recording(t, generated()[s.Name]))
		}
	}
	learned.Write(recording(t, Talks()))
	training := learned.Bytes()
	identifier := regexp.MustCompile(`[@!$#][A-Za-z0-9._=/+-]+:[a-z.]+|[$!][A-Za-z0-9_-]{43}`)
	words := map[string]bool{}
	for w := range strings.FieldsFuncSeq(learned.String(), func(r rune) bool { return strings.ContainsRune(`" ,\/?&(){}[]<>`, r) }) {
		words[w] = true
	}
	for _, s := range Servers() {
		if !s.HeldOut {
			continue
		}
		assert.False(t, bytes.Contains(training, []byte(s.Name)), s.Name)
		for _, p := range s.Peers {
			assert.False(t, bytes.Contains(training, []byte(p)), p)
		}
		for _, id := range identifier.FindAllString(string(recording(t, generated()[s.Name])), -1) {
			require.False(t, words[id], id)
		}
	}
	// What is said: each piece of a phrase that is too long to be said by chance.
	const enough = 24
	pieces := map[string][]string{}
	for _, l := range languages() {
		heldOut, learned := vocabularyOf(l, true), vocabularyOf(l, false)
		require.NotEmpty(t, heldOut.phrases)
		for _, p := range heldOut.phrases {
			assert.NotContains(t, learned.phrases, p)
			for _, piece := range regexp.MustCompile(`\{\w+\}`).Split(p, -1) {
				if piece = strings.TrimSpace(piece); len(piece) >= enough {
					pieces[piece[:enough]] = append(pieces[piece[:enough]], piece)
				}
			}
		}
	}
	require.Greater(t, len(pieces), 200)
	for i := range len(training) - enough {
		for _, piece := range pieces[string(training[i:i+enough])] {
			require.False(t, bytes.HasPrefix(training[i:], []byte(piece)), piece)
		}
	}
}

// TestVariety: all languages, makes of servers and of clients occur on both sides, as far
// as the table has them, and the kinds that the corpus of recordings has.
func TestVariety(t *testing.T) {
	kinds := map[bool]map[string]int{true: {}, false: {}}
	software := map[bool]map[Software]bool{true: {}, false: {}}
	spoken, used := map[string]bool{}, map[string]bool{}
	var size [2]int
	var servers [2]int
	for _, s := range Servers() {
		software[s.HeldOut][s.Software] = true
		servers[index(s.HeldOut)]++
		for _, l := range s.Languages {
			spoken[l] = true
		}
		for _, session := range generated()[s.Name] {
			used[session.Client] = true
			assert.GreaterOrEqual(t, len(session.Entries), 150)
			for _, e := range session.Entries {
				kinds[s.HeldOut][e.Kind]++
				size[index(s.HeldOut)] += len(e.Request) + len(e.Response)
			}
		}
	}
	for _, heldOut := range []bool{false, true} {
		assert.Len(t, software[heldOut], 3)
		for _, k := range []string{
			"send_text", "send_encrypted", "send_reaction", "send_reply", "send_edit", "send_file", "redact", "receipt", "read_markers", "typing", "presence", "sync", "sync_full", "sync_sliding",
			"keys_upload", "keys_query", "keys_claim", "to_device", "pushrules", "messages", "members", "joined_members", "createRoom", "join", "invite", "state_put", "profile_get", "profile_put",
			"filter", "versions", "capabilities", "login", "login_flows", "whoami", "directory", "publicRooms", "devices", "turn", "xsign", "room_keys", "err_limit", "err_forbidden", "err_notfound",
		} {
			assert.NotZero(t, kinds[heldOut][k], "%s, held out: %v", k, heldOut)
		}
	}
	assert.Len(t, used, len(clients))
	assert.Len(t, spoken, len(languages()))
	assert.Equal(t, [2]int{24, 8}, servers)
	t.Log(kinds, size)
	assert.Greater(t, size[0], 8_000_000)
	assert.Greater(t, size[1], 3_000_000)
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

func BenchmarkSessions(b *testing.B) {
	for b.Loop() {
		for _, s := range Servers() {
			Sessions(s)
		}
	}
}
