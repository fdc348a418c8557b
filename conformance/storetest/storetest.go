// Package storetest is what every session.Store must do, as a suite for the tests of
// stores.
package storetest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/coap/session"
)

// Run holds stores against a map. open makes an empty one.
func Run(t *testing.T, open func() session.Store) {
	rapid.Check(t, func(t *rapid.T) {
		store, model := open(), map[string][]byte{}
		key := rapid.StringMatching(`(a|ab|b)/[0-3]`)
		value := rapid.OneOf(rapid.Just[[]byte](nil), rapid.SliceOfN(rapid.Byte(), 0, 40))
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) {
				changes := rapid.MapOfN(key, value, 0, 4).Draw(t, "changes")
				require.NoError(t, store.Commit(changes))
				for k, v := range changes {
					if v == nil {
						delete(model, k)
					} else {
						model[k] = v
					}
				}
			},
			"load": func(t *rapid.T) {
				k := key.Draw(t, "key")
				got, err := store.Load(k)
				require.NoError(t, err)
				require.Equal(t, model[k], got)
				if len(got) > 0 { // what was loaded is the caller's
					got[0] ^= 0xff
				}
			},
			"keys": func(t *rapid.T) {
				prefix := rapid.SampledFrom([]string{"", "a", "a/", "ab/", "b/", "c"}).Draw(t, "prefix")
				got, err := store.Keys(prefix)
				require.NoError(t, err)
				want := slices.Collect(maps.Keys(model))
				want = slices.DeleteFunc(want, func(k string) bool { return !strings.HasPrefix(k, prefix) })
				require.ElementsMatch(t, want, got)
			},
		})
	})
}
