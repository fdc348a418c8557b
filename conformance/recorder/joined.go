package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// MatchJoined is Match for a gateway that may answer a GET or PUT which is repeated
// with the answer to an identical one. Such an exchange of the client side is paired
// with one of the server side that has the same request, body included; it may be one
// that is paired already. One with the same answer is preferred. Each exchange of the
// server side must be paired with one of the client side.
func MatchJoined(client, server []Exchange) ([]Pair, error) {
	var (
		pairs    []Pair
		repeated []Exchange
		errs     []error
	)
	used := make([]bool, len(server))
	free := func(_ Exchange, i int) bool { return !used[i] }
	alike := func(e Exchange, i int) bool { return CompareResponses(server[i].Response, e.Response).Err() == nil }
	pair := func(e Exchange, rules ...func(e Exchange, i int) bool) bool {
		for i, s := range server {
			if sameRequest(e, s) && !slices.ContainsFunc(rules, func(fits func(Exchange, int) bool) bool { return !fits(e, i) }) {
				used[i] = true
				pairs = append(pairs, Pair{Client: e, Server: s})
				return true
			}
		}
		return false
	}
	for _, e := range client {
		if !pair(e, free, alike) {
			repeated = append(repeated, e)
		}
	}
	for _, e := range repeated {
		joined := e.Request.Method == http.MethodGet || e.Request.Method == http.MethodPut
		if joined && pair(e, alike) || pair(e, free) || joined && pair(e) {
			continue // what differs is for the caller to see
		}
		errs = append(errs, fmt.Errorf("only the client side saw %s %s", e.Request.Method, e.Request.URI))
	}
	for i, e := range server {
		if !used[i] {
			errs = append(errs, fmt.Errorf("only the server side saw %s %s", e.Request.Method, e.Request.URI))
		}
	}
	return pairs, errors.Join(errs...)
}

// sameRequest reports whether two exchanges are of the same user, target and body.
func sameRequest(a, b Exchange) bool {
	authorization := func(e Exchange) string { return strings.Join(e.Request.Header["Authorization"], ", ") }
	if a.Request.Method != b.Request.Method || a.Request.URI != b.Request.URI || authorization(a) != authorization(b) {
		return false
	}
	return bytes.Equal(a.Request.Body, b.Request.Body) || CompareRequests(a.Request, b.Request).Err() == nil
}
