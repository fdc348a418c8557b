package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/policy"
)

// A first /sync is the longest answer there is. For a slow link the homeserver is asked
// for less of it, in the words that a client would use: a filter with fewer events of each
// timeline. So the answer says itself what it leaves out (limited, prev_batch), and the
// client fetches that when the person looks for it. State is not touched: a client must
// know all members of a room to encrypt for them.

const (
	// maxFilter bounds the filters that are looked at, in bytes; a /sync with a longer
	// one goes as it is.
	maxFilter = 16 << 10
	// maxFilterQuery bounds a filter in a request line, in bytes: servers take some 8 KiB.
	maxFilterQuery = 6 << 10
	// maxFilters bounds the filters that are remembered.
	maxFilters = 256
)

// shorten returns the /sync to ask for in place of r, which may be r.
func (s *slowLinks) shorten(r *http.Request, peer coap.Peer) *http.Request {
	query := r.URL.Query()
	continued := query.Get("since") != ""
	if continued && query.Get("full_state") != "true" {
		return r
	}
	events := policy.SyncCut(peer.Link, continued)
	if events == 0 || len(query["filter"]) > 1 {
		return r
	}
	filter := []byte(query.Get("filter"))
	if len(filter) > 0 && filter[0] != '{' {
		var err error
		if filter, err = s.lookUp(r, string(filter)); err != nil {
			return r // the homeserver will say what is wrong with it
		}
	}
	if len(filter) > maxFilter {
		return r
	}
	cut, ok := policy.CutFilter(filter, events)
	if !ok {
		return r
	}
	escaped := strings.ReplaceAll(url.QueryEscape(string(cut)), "+", "%20")
	if len(escaped) > maxFilterQuery {
		return r
	}
	args := []string{"filter=" + escaped}
	for arg := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(arg, "=")
		if plain, err := url.QueryUnescape(name); arg != "" && (err != nil || plain != "filter") {
			args = append(args, arg)
		}
	}
	short := r.Clone(r.Context())
	short.URL.RawQuery = strings.Join(args, "&")
	return short
}

// filters are those that users have stored at the homeserver, by hash of user and id. A
// filter never changes.
type filters struct {
	mu   sync.Mutex
	byID map[[sha256.Size]byte][]byte
}

func (f *filters) get(key [sha256.Size]byte) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	filter, ok := f.byID[key]
	return filter, ok
}

func (f *filters) put(key [sha256.Size]byte, filter []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byID == nil {
		f.byID = make(map[[sha256.Size]byte][]byte)
	}
	for other := range f.byID { // any: one that is missing costs a question to the homeserver
		if len(f.byID) < maxFilters {
			break
		}
		delete(f.byID, other)
	}
	f.byID[key] = filter
}

var errNoFilter = errors.New("no filter")

// lookUp asks the homeserver for a filter, with the user's own token.
func (s *slowLinks) lookUp(r *http.Request, id string) ([]byte, error) {
	// Whoever acts for a user (Application Service API, "Identity assertion") does so here.
	masked := url.Values{}
	for _, name := range []string{"access_token", "user_id"} {
		if v, has := r.URL.Query()[name]; has {
			masked[name] = v
		}
	}
	identity, err := json.Marshal([]any{r.Header["Authorization"], masked, id})
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(identity)
	if filter, ok := s.filters.get(key); ok {
		return filter, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookupTimeout)
	defer cancel()
	base, path := split(r)
	api := base + strings.TrimSuffix(path, "sync")
	body, err := s.fetch(ctx, r, api+"account/whoami", masked.Encode())
	if err != nil {
		return nil, err
	}
	var who struct {
		UserID string `json:"user_id"`
	}
	if err := json.Unmarshal(body, &who); err != nil || who.UserID == "" {
		return nil, errNoFilter
	}
	filter, err := s.fetch(ctx, r, api+"user/"+url.PathEscape(who.UserID)+"/filter/"+url.PathEscape(id), masked.Encode())
	if err != nil {
		return nil, err
	}
	s.filters.put(key, filter)
	return filter, nil
}

// fetch reads a short answer.
func (s *slowLinks) fetch(ctx context.Context, r *http.Request, escapedPath, query string) ([]byte, error) {
	resp, err := s.ask(ctx, r, escapedPath, query)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxFilter+1))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || len(body) > maxFilter {
		return nil, errNoFilter
	}
	return body, nil
}
