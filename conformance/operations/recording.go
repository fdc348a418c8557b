package operations

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/coapgw/coapgw/conformance/recorder"
)

//go:embed testdata/exchanges.jsonl
var recorded []byte

// Recording is a recorded exchange in the file: one JSON object a line.
type Recording struct {
	// Name is how the table of operations refers to the exchange.
	Name string `json:"name"`
	// Method, URI, Header and Body are those of the request.
	Method string      `json:"method"`
	URI    string      `json:"uri"`
	Header http.Header `json:"header"`
	Body   string      `json:"body,omitempty"`
	// Status, ResponseHeader and Response are those of the response. Bodies are
	// text, byte for byte.
	Status         int         `json:"status"`
	ResponseHeader http.Header `json:"response_header"`
	Response       string      `json:"response"`
}

// exchange is the recording as it is replayed.
func (r Recording) exchange() Exchange {
	return Exchange{
		Request:  recorder.Request{Method: r.Method, URI: r.URI, Header: r.Header, Body: []byte(r.Body)},
		Response: recorder.Response{Status: r.Status, Header: r.ResponseHeader, Body: []byte(r.Response)},
	}
}

// ReadRecordings reads the form that WriteRecordings writes.
func ReadRecordings(r io.Reader) ([]Recording, error) {
	var all []Recording
	in := json.NewDecoder(r)
	for in.More() {
		var one Recording
		if err := in.Decode(&one); err != nil {
			return nil, fmt.Errorf("recording %d: %w", len(all)+1, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// WriteRecordings writes one recording a line.
func WriteRecordings(w io.Writer, all []Recording) error {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	for _, one := range all {
		if err := out.Encode(one); err != nil {
			return fmt.Errorf("recording %s: %w", one.Name, err)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Recordings are the exchanges in testdata, by name. The maps and slices in them
// belong to the caller.
func Recordings() (map[string]Recording, error) {
	all, err := ReadRecordings(bytes.NewReader(recorded))
	if err != nil {
		return nil, err
	}
	byName := make(map[string]Recording, len(all))
	for _, one := range all {
		byName[one.Name] = one
	}
	return byName, nil
}
