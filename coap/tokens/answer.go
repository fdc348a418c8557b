package tokens

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap/txn"
)

// kind is what there is to learn from a request.
type kind uint8

const (
	other kind = iota
	// logsIn: POST /login and /register, whose answers may bear tokens of a device.
	logsIn
	// refreshes: POST /refresh.
	refreshes
	// logsOut: POST /logout.
	logsOut
)

func kindOf(r *http.Request) kind {
	s := txn.Segments(r.URL.Path)
	switch path := strings.Join(s, "/"); {
	case r.Method == http.MethodPost && (path == "login" || path == "register"):
		return logsIn
	case r.Method == http.MethodPost && path == "refresh":
		return refreshes
	case txn.LogsOut(r):
		return logsOut
	}
	return other
}

// refreshToken reads what a request to /refresh sends, and returns a request that still
// sends it.
func refreshToken(r *http.Request) (again *http.Request, token string, err error) {
	body, rest, err := txn.TakeBody(r)
	if err != nil {
		return nil, "", err
	}
	again = r.WithContext(r.Context()) // a copy
	if rest != nil {
		again.Body = rest
		return again, "", nil
	}
	again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return again, membersOf(body).text("refresh_token"), nil
}

// answer is what a homeserver tells of a device.
type answer struct {
	accessToken, refreshToken string
	userID, deviceID          string
}

func (a answer) named() bool { return a.userID != "" && a.deviceID != "" }

// name hashes user and device; zero where one is not told.
func (a answer) name() txn.Digest {
	if !a.named() {
		return txn.Digest{}
	}
	return txn.Token(string(txn.AppendField(txn.AppendField(nil, a.userID), a.deviceID)))
}

// maxAnswer bounds an answer that is looked into, in bytes.
const maxAnswer = 64 << 10

// answerOf reads an answer, which can be read again.
func answerOf(resp *http.Response) (a answer, err error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		_ = resp.Body.Close()
		return a, err
	}
	whole := resp.Body
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), whole), whole}
	if len(body) > maxAnswer {
		return a, nil
	}
	m := membersOf(body)
	return answer{m.text("access_token"), m.text("refresh_token"), m.text("user_id"), m.text("device_id")}, nil
}

// members are those of a JSON object; none where it is none.
type members map[string][]byte

func membersOf(body []byte) members {
	m, err := cborcodec.JSONMembers(body)
	if err != nil {
		return nil
	}
	return m
}

// text is a member that is a string; empty where it is none.
func (m members) text(name string) string {
	text, err := cborcodec.JSONString(m[name])
	if err != nil {
		return ""
	}
	return text
}
