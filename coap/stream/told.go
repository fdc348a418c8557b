package stream

import (
	"encoding/base64"
	"errors"

	"github.com/coapgw/coapgw/cborcodec"
)

// Told is what a payload tells its client.
type Told struct {
	// Mark is that of the event, if HasMark: the stream goes on after it.
	Mark    uint32
	HasMark bool
	// Gap: there is no event, for some were skipped, so many as Skipped, or an unknown number
	// where that is 0.
	Gap     bool
	Skipped uint64
	// Cut: the event does not fit. Missing is how many bytes are missing of its last text, 0
	// where a field is missing as a whole.
	Cut     bool
	Missing uint64
	// Fields are a JSON object of the fields that were chosen and that the event has.
	Fields []byte
}

// errPayload: what came is no payload of a room stream.
var errPayload = errors.New("stream: not a payload of a room stream")

// maxNesting is how deep the fields of a payload may be nested: what fits into it is not
// nested deeper.
const maxNesting = maxSize

// reader reads what a payload tells. It takes what is nested deeper than a homeserver's own
// events by the map around it.
func reader() *cborcodec.Codec {
	return cborcodec.V1(cborcodec.Limits{MaxInput: maxValue, MaxOutput: 8 * maxValue, MaxDepth: maxNesting})
}

// ReadPayload reads a payload, as the client of a stream. Its error says that it is none.
func ReadPayload(payload []byte) (told Told, err error) {
	in := cborcodec.NewItems(payload)
	members, err := in.Map()
	if err != nil {
		return told, errPayload
	}
	fields := &payloadFields{}
	for {
		more, err := in.More(&members)
		if err != nil {
			return told, errPayload
		}
		if !more {
			break
		}
		if err := told.member(in, payload, fields); err != nil {
			return told, errPayload
		}
	}
	if len(in.Rest()) > 0 {
		return told, errPayload
	}
	told.Fields, err = fields.json()
	return told, err
}

// member reads one member of a payload.
func (t *Told) member(in *cborcodec.Items, payload []byte, fields *payloadFields) error {
	rest := in.Rest()
	if len(rest) == 0 {
		return errPayload
	}
	begins := len(payload) - len(rest)
	if rest[0] == keyMark || rest[0] == keyGap || rest[0] == keyCut {
		if _, err := in.Int(); err != nil {
			return err
		}
		n, err := in.Uint()
		switch {
		case err != nil:
			return err
		case rest[0] == keyMark:
			t.Mark, t.HasMark = uint32(n), true
			if uint64(t.Mark) != n {
				return errPayload
			}
		case rest[0] == keyGap:
			t.Gap, t.Skipped = true, n
		default:
			t.Cut, t.Missing = true, n
		}
		return nil
	}
	if err := in.Skip(0); err != nil { // the key
		return err
	}
	key := payload[begins : len(payload)-len(in.Rest())]
	begins = len(payload) - len(in.Rest())
	// Only an ID is a byte string.
	if begins < len(payload) && payload[begins]&0xe0 == majorBytes {
		raw, err := in.Bytes()
		if err != nil {
			return err
		}
		id := "$" + base64.RawURLEncoding.EncodeToString(raw)
		fields.add(key, append(appendHead(nil, majorText, uint64(len(id))), id...))
		return nil
	}
	if err := in.Skip(maxNesting); err != nil {
		return err
	}
	fields.add(key, payload[begins:len(payload)-len(in.Rest())])
	return nil
}

// payloadFields are the members of a payload that are fields of an event.
type payloadFields struct {
	members []byte
	count   int
}

func (f *payloadFields) add(key, value []byte) {
	f.members = append(append(f.members, key...), value...)
	f.count++
}

func (f *payloadFields) json() ([]byte, error) {
	return reader().AppendJSON(nil, append(appendHead(nil, majorMap, uint64(f.count)), f.members...))
}
