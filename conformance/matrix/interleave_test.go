package matrix

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// Two users and a stranger without a token share one gateway session and ask at
// the same time who they are. Nobody may ever be taken for somebody else.
func TestUsersAreNeverMixedUp(t *testing.T) {
	const rounds = 250 // 1,000 requests in all
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice, bob, stranger := newUser(ctx, t, r, "alice"), newUser(ctx, t, r, "bob"), newClient(t, r)
		bob.Client.Client, stranger.Client = alice.Client.Client, alice.Client.Client

		ask := func(client *mautrix.Client, want id.UserID) error {
			who, err := client.Whoami(ctx)
			if err != nil {
				return err
			}
			if who.UserID != want || who.DeviceID != client.DeviceID {
				return fmt.Errorf("%s is told to be %s", want, who.UserID)
			}
			return nil
		}
		var wg sync.WaitGroup
		for _, u := range []*user{alice, bob, alice} {
			wg.Go(func() {
				for range rounds {
					if err := ask(u.Client, u.UserID); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range rounds {
			_, err := stranger.Whoami(ctx)
			requireError(t, err, http.StatusUnauthorized, mautrix.MMissingToken)
		}
		wg.Wait()
		require.False(t, t.Failed())
	})
}
