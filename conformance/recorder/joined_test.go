package recorder

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatchJoined(t *testing.T) {
	exchange := func(method, token, body, answer string) Exchange {
		return Exchange{
			Request:  Request{Method: method, URI: "/x", Header: http.Header{"Authorization": {"Bearer " + token}}, Body: []byte(body)},
			Response: JSON(200, answer),
		}
	}
	a1, a2, b := exchange("GET", "a", "", `1`), exchange("GET", "a", "", `2`), exchange("GET", "b", "", `1`)
	put, other := exchange("PUT", "a", `{"x":1}`, `1`), exchange("PUT", "a", `{"x":2}`, `1`)
	post := exchange("POST", "a", `{}`, `1`)
	tests := []struct {
		name           string
		client, server []Exchange
		err            string
	}{
		{"nothing joined", []Exchange{a1, b, a2, put, post}, []Exchange{b, a1, a2, post, put}, ""},
		{"joined", []Exchange{a1, a1, a2, a2, put, put}, []Exchange{a1, a2, put}, ""},
		{"a POST joined", []Exchange{post, post}, []Exchange{post}, "only the client side saw POST"},
		{"users mixed up", []Exchange{a1, b}, []Exchange{a1}, "only the client side saw GET"},
		{"bodies mixed up", []Exchange{put, other}, []Exchange{put}, "only the client side saw PUT"},
		{"a request of nobody's", []Exchange{a1}, []Exchange{a1, a1}, "only the server side saw GET"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pairs, err := MatchJoined(tt.client, tt.server)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Len(t, pairs, len(tt.client))
			for _, p := range pairs {
				require.Equal(t, p.Server, p.Client)
			}
		})
	}
	// What differs is paired all the same, for the caller to see how.
	pairs, err := MatchJoined([]Exchange{a1}, []Exchange{a2})
	require.NoError(t, err)
	require.Equal(t, []Pair{{Client: a1, Server: a2}}, pairs)
	pairs, err = MatchJoined([]Exchange{a1, a2}, []Exchange{a1})
	require.NoError(t, err)
	require.Equal(t, []Pair{{a1, a1}, {a2, a1}}, pairs)
}
