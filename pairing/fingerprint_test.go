package pairing

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseFingerprint(t *testing.T) {
	f := Fingerprint(sha256.Sum256([]byte("certificate")))
	for _, s := range []string{f.String(), strings.ToLower(f.String()), strings.ReplaceAll(f.String(), ":", ""), " " + f.String() + "\n"} {
		got, err := ParseFingerprint(s)
		require.NoError(t, err)
		assert.Equal(t, f, got)
	}
	for _, s := range []string{"", "00", "zz", f.String()[3:], f.String() + ":00", "0:0" + f.String()[3:], f.String() + ":"} {
		_, err := ParseFingerprint(s)
		var fe *FingerprintError
		assert.ErrorAs(t, err, &fe, s)
	}
}
