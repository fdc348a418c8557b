package dtls

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSecretsRoundTrip(t *testing.T) {
	s := testSecrets(PSKWithAES128CCM8, []byte{1, 2})
	s.changeCipherSpec, s.finished = []byte("spec"), []byte("finished")
	b := s.marshal()
	back, err := parseSecrets(b)
	require.NoError(t, err)
	assert.Equal(t, b, back.marshal())
	assert.Equal(t, s.own, back.own)
	assert.Equal(t, identity, back.identity)
	for n := range len(b) {
		_, err := parseSecrets(b[:n])
		require.ErrorIs(t, err, errState, n)
	}
	_, err = parseSecrets(append(b, 0))
	require.ErrorIs(t, err, errState)
	b[0]++
	_, err = parseSecrets(b)
	require.ErrorIs(t, err, errState, "another version")
}

func TestCountersRoundTrip(t *testing.T) {
	c := counters{session: sessionTag{1, 2}, incarnation: 3, send: 70000, received: window{next: 99, seen: 5}, used: time.Unix(1e9, 0), peer: clientAddress}
	b := c.marshal()
	back, err := parseCounters(b)
	require.NoError(t, err)
	assert.Equal(t, c, back)
	for n := range countersSize {
		_, err := parseCounters(b[:n])
		require.ErrorIs(t, err, errState)
	}
	c.send = maxSequence + 1
	_, err = parseCounters(c.marshal())
	require.ErrorIs(t, err, errState)
	assert.Equal(t, clientAddress, storedAddr(parseStoredAddr(clientAddress)))
	assert.Nil(t, parseStoredAddr(""))
}

// What is read as a session works or says that it does not.
func FuzzState(f *testing.F) {
	for _, row := range suiteTable() {
		f.Add(testSecrets(row.suite, []byte{1, 2}).marshal())
	}
	f.Add(counters{used: time.Unix(1e9, 0), peer: clientAddress}.marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseSecrets(b); err == nil {
			require.Equal(t, b, s.marshal())
			if own, _, err := s.protectors(); err == nil {
				own.seal(nil, typeApplicationData, 1, nil)
			}
		}
		if c, err := parseCounters(b); err == nil {
			require.Equal(t, b, c.marshal())
		}
	})
}
