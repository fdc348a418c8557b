package vectors

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/paths"
)

// pathVector is a request target and the options that carry it.
type pathVector struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	// Peer is to whom it goes: "foreign", or empty for a coapgw.
	Peer string `json:"peer,omitempty"`
	// FoldV3 is --fold-v3.
	FoldV3 bool `json:"fold_v3,omitempty"`
	// Target is what the options are made of, empty where they come from elsewhere.
	Target string `json:"target,omitempty"`
	// URIPath and URIQuery are the values of options 11 and 15, those that are no UTF-8 as
	// "hex:" and digits.
	URIPath  []string `json:"uri_path,omitempty"`
	URIQuery []string `json:"uri_query,omitempty"`
	// Form is the value of option 262 in hexadecimal, nil without that option.
	Form *string `json:"form,omitempty"`
	// Restored is the target that the options stand for; empty: it is Target.
	Restored string `json:"restored,omitempty"`
	// Error is "envelope" where options cannot carry the target, "refused" where it is not
	// carried at all, "bad request" for options that no target has.
	Error string `json:"error,omitempty"`
}

func (v *pathVector) title() string { return v.Name }

// carried is what options say of a target.
type carried struct {
	path, query []string
	form        *string
}

// encode makes the options of the target.
func (v *pathVector) encode() (c carried, problem string, err error) {
	kind, ok := map[string]coap.PeerKind{"": coap.PeerGateway, "foreign": coap.PeerForeign}[v.Peer]
	if !ok {
		return c, "", fmt.Errorf("peer %q", v.Peer)
	}
	u, err := url.ParseRequestURI(v.Target)
	if err != nil {
		return c, "", err
	}
	m := coap.NewMapping(coap.MappingConfig{FoldV3: v.FoldV3})
	r, err := m.EncodeRequest(&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}, kind)
	var refused *coap.Error
	if errors.As(err, &refused) {
		return c, "refused", nil
	}
	if err != nil {
		return c, "", err
	}
	for _, o := range r.Options {
		switch o.Number {
		case endpoint.URIPath:
			c.path = append(c.path, textOf(o.Value))
		case endpoint.URIQuery:
			c.query = append(c.query, textOf(o.Value))
		case coap.OptionForm:
			form := fmt.Sprintf("%x", o.Value)
			c.form = &form
		case coap.OptionEnvelope:
			return carried{}, "envelope", nil
		default:
			return c, "", fmt.Errorf("option %d", o.Number)
		}
	}
	return c, "", nil
}

// commonForm is exclusive-ored into the value of option 262.
const commonForm = 1 << 6

// decode restores the target of the options.
func (v *pathVector) decode() (target, problem string, err error) {
	var form paths.Form
	if v.Form != nil {
		b, err := fromHex(*v.Form)
		if err != nil || len(b) > 1 {
			return "", "", fmt.Errorf("form %q", *v.Form)
		}
		// The option is elective: a form that is not known is read as none.
		if f, err := paths.ParseForm(uint8(endpoint.DecodeUint(b)) ^ commonForm); err == nil {
			form = f
		}
	}
	segments, err := valuesOf(v.URIPath)
	if err != nil {
		return "", "", err
	}
	args, err := valuesOf(v.URIQuery)
	if err != nil {
		return "", "", err
	}
	target, err = paths.V1().Expand(segments, form)
	if err != nil {
		return "", "bad request", nil
	}
	if query := paths.JoinQuery(args, form.Query); query != "" {
		target += "?" + query
	}
	return target, "", nil
}

func (v *pathVector) fill(*testing.T) error {
	if v.Target != "" {
		c, problem, err := v.encode()
		if err != nil {
			return err
		}
		if problem != v.Error {
			return fmt.Errorf("the row says %q and the mapping %q", v.Error, problem)
		}
		if v.Error != "" {
			return nil
		}
		v.URIPath, v.URIQuery, v.Form = c.path, c.query, c.form
	}
	target, problem, err := v.decode()
	if err != nil {
		return err
	}
	if problem != v.Error {
		return fmt.Errorf("the row says %q and the mapping %q", v.Error, problem)
	}
	if target != v.Target {
		v.Restored = target
	}
	return nil
}

func (v *pathVector) play(*testing.T) error {
	if v.Target != "" {
		c, problem, err := v.encode()
		switch {
		case err != nil:
			return err
		case problem != v.Error:
			return fmt.Errorf("error %q and not %q", problem, v.Error)
		case !slices.Equal(c.path, v.URIPath) || !slices.Equal(c.query, v.URIQuery) || !same(c.form, v.Form):
			return fmt.Errorf("becomes %q %q", c.path, c.query)
		case problem != "":
			if v.Restored != "" {
				return errors.New("what is not carried is not restored")
			}
			return nil
		}
	}
	target, problem, err := v.decode()
	want := v.Restored
	if want == "" && v.Error == "" {
		want = v.Target
	}
	switch {
	case err != nil:
		return err
	case problem != v.Error || target != want:
		return fmt.Errorf("is restored as %q with error %q", target, problem)
	}
	return nil
}

func (v *pathVector) mutants() []vector {
	if v.Error != "" {
		wrong := *v
		wrong.Error = ""
		return []vector{&wrong}
	}
	path, target := *v, *v
	path.URIPath = append(slices.Clone(v.URIPath), "x")
	target.Restored = v.Restored + v.Target + "x"
	wrong := []vector{&path, &target}
	if len(v.URIQuery) > 0 {
		query := *v
		query.URIQuery = slices.Clone(v.URIQuery)
		query.URIQuery[0] += "x"
		wrong = append(wrong, &query)
	}
	if v.Form != nil && v.Target != "" {
		form := *v
		form.Form = nil
		wrong = append(wrong, &form)
	}
	return wrong
}

func same(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// textOf writes a value as a text of JSON.
func textOf(value []byte) string {
	if s := string(value); isText(s) && !strings.HasPrefix(s, hexPrefix) {
		return s
	}
	return fmt.Sprintf("%s%x", hexPrefix, value)
}

func valuesOf(texts []string) (values []string, err error) {
	for _, s := range texts {
		if digits, ok := strings.CutPrefix(s, hexPrefix); ok {
			b, err := fromHex(digits)
			if err != nil {
				return nil, err
			}
			s = string(b)
		}
		values = append(values, s)
	}
	return values, nil
}
