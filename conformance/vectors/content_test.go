package vectors

import (
	"fmt"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/internal/inspect"
)

// formatOf is the format of wire version 2 that this program has.
func formatOf() (*wire2.Format, error) {
	m, err := model()
	if err != nil {
		return nil, err
	}
	return wire2.NewFormat(m, 2), nil
}

// maxContent bounds what a payload decodes to, in bytes.
const maxContent = 1 << 16

// contents returns for each step what its payload is before the coder: an item of state
// and what the dialect says. It is empty for steps that are no message of version 2.
func (v *exchangeVector) contents() ([]string, error) {
	out := make([]string, len(v.Steps))
	if !v.Version2 {
		return out, nil
	}
	f, err := formatOf()
	if err != nil {
		return nil, err
	}
	session := inspect.NewSession(f, v.Home)
	asked := map[string]*inspect.Asked{}
	agreed := false
	for i, s := range v.Steps {
		if s.Message == "" {
			continue
		}
		d, err := fromHex(s.Message)
		if err != nil {
			return nil, err
		}
		m, err := endpoint.ParseMessage(d)
		if err != nil {
			return nil, err
		}
		offer, has := m.Options.Get(coap.OptionOffer)
		agreed = agreed || s.At == server && has && len(offer) > 0
		var o *wire2.Opened
		switch key := string(m.Token); {
		case s.At == client && m.Code.IsRequest():
			delete(asked, key)
			if !agreed || len(m.Payload) == 0 || m.Options.Has(endpoint.URIPath) || m.Options.Has(coap.OptionEnvelope) {
				continue
			}
			if asked[key], err = session.Request(new(inspect.Report), m.Payload); err != nil {
				break
			}
			o, err = f.Open(wire2.RequestPrelude(asked[key].Style), m.Payload, maxContent)
		case s.At == server && m.Code.IsResponse() && asked[key] != nil && len(m.Payload) > 0 && !m.Options.Has(endpoint.ContentFormat) && !m.Options.Has(coap.OptionControl):
			status := int(m.Code.Class())*100 + int(m.Code.Detail())
			if err = session.Response(new(inspect.Report), m.Payload, status, asked[key]); err != nil {
				break
			}
			o, err = f.Open(wire2.ResponsePrelude(asked[key].Route, status), m.Payload, maxContent)
		default:
			continue
		}
		if err != nil && (s.At == client && v.Client == foreign || s.At == server && v.Server == foreign) {
			continue // it may be broken on purpose
		}
		if err != nil {
			return nil, err
		}
		out[i] = fmt.Sprintf("%x", o.Message)
	}
	return out, nil
}
