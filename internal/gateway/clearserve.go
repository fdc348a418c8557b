package gateway

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"

	"golang.org/x/time/rate"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/internal/keys"
)

// ClearServe is a Serve for a link on which everything is readable: it adds the access
// tokens that must not go on air, refuses what does not belong there, and takes hidden
// content out of what the homeserver answers.
type ClearServe struct {
	serve     *Serve
	transport *http.Transport // nil when it is the caller's
	tokens    map[string]keys.Key
	log       *slog.Logger
	paced     rate.Sometimes
}

// NewClearServe returns a ClearServe for these stations: a request bears the token of
// the station that coap.PeerFrom names. Close it after its last request.
func NewClearServe(o ServeOptions, stations []keys.Station) *ClearServe {
	s := &ClearServe{tokens: make(map[string]keys.Key, len(stations)), log: logOrDiscard(o.Log), paced: rate.Sometimes{Interval: paceOfLog}}
	for _, st := range stations {
		s.tokens[st.Call] = st.Token
	}
	if o.Transport == nil {
		s.transport = newTransport(o)
		o.Transport = s.transport
	}
	o.wrap()
	o.Transport = &clearedTransport{base: o.Transport, log: s.log, paced: rate.Sometimes{Interval: paceOfLog}}
	s.serve = NewServe(o)
	return s
}

// ServeHTTP implements http.Handler.
func (s *ClearServe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	peer, _ := coap.PeerFrom(r.Context())
	token, ok := s.tokens[peer.Identity]
	if !ok {
		writeError(w, notClear(whyCredential))
		return
	}
	out, target, refused := screen(r)
	if refused != nil {
		s.paced.Do(func() {
			s.log.Warn("a station asked for what must not go on air", "station", peer.Identity, "method", r.Method, "reason", refused.Message)
		})
		writeError(w, refused)
		return
	}
	out.Header.Set("Authorization", "Bearer "+string(token))
	s.serve.ServeHTTP(w, out.WithContext(context.WithValue(out.Context(), targetKey{}, target)))
}

// Close gives back the connections to the homeserver.
func (s *ClearServe) Close() {
	if s.transport != nil {
		s.transport.CloseIdleConnections()
	}
}

// targetKey finds what a request means in its context.
type targetKey struct{}

// clearedTransport takes what must not go on air out of the answers of another one.
type clearedTransport struct {
	base  http.RoundTripper
	log   *slog.Logger
	paced rate.Sometimes
}

// maxClearAnswer bounds a JSON answer, which is held in memory to be looked at, in
// bytes. A larger one is an error.
const maxClearAnswer = 32 << 20

// RoundTrip implements http.RoundTripper.
func (t *clearedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	target, _ := r.Context().Value(targetKey{}).(clearTarget)
	problem := clearResponse(res, target)
	if problem == nil {
		return res, nil
	}
	t.paced.Do(func() {
		t.log.Warn("an answer does not go on air", "status", res.StatusCode, "reason", problem.Message)
	})
	_ = res.Body.Close()
	return nil, problem
}

// clearResponse makes an answer fit for the air, or says what goes in its place.
func clearResponse(res *http.Response, target clearTarget) *coap.Error {
	for _, name := range []string{"Set-Cookie", "Www-Authenticate", "Location"} {
		res.Header.Del(name)
	}
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		// The client has nothing to do with the token; its own login stands.
		return &coap.Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN",
			Message: "the homeserver does not take the access token of this station: tell the operator of the server"}
	case res.StatusCode/100 == 3 && res.StatusCode != http.StatusNotModified:
		return notClear(whyUnknown) // where it leads may be a credential
	case !mayHaveBody(res):
		return nil
	}
	said, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if target.kind == clearDownload && said != "application/json" {
		begin, body, err := peek(res.Body)
		if err != nil || !clearFile(res.Header, begin) {
			return notClear(whySecrecy)
		}
		res.Body = body
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxClearAnswer+1))
	if err != nil {
		return &coap.Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "the homeserver's answer broke off", Err: err}
	}
	clear := text
	switch {
	case len(text) == 0:
	case len(text) > maxClearAnswer || said != "application/json" || res.Header.Get("Content-Encoding") != "":
		return &coap.Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "the homeserver's answer cannot be looked at, so it does not go on air"}
	default:
		var ok bool
		if clear, ok = clearText(text, target.kind); !ok {
			return notClear(whySecrecy)
		}
	}
	_ = res.Body.Close()
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(clear)), int64(len(clear))
	res.Header.Set("Content-Length", strconv.Itoa(len(clear)))
	return nil
}

func mayHaveBody(res *http.Response) bool {
	return res.StatusCode != http.StatusNoContent && res.StatusCode != http.StatusNotModified && res.Request.Method != http.MethodHead
}
