package dialect

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/cborcodec"
)

// stringValue draws strings that look like those of the dialect, some of them with a
// fault, and any others.
func stringValue() *rapid.Generator[string] {
	typed := rapid.OneOf(
		rapid.StringMatching(`[$!][A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]`),
		rapid.StringMatching(`\$[A-Za-z0-9+/]{43}`),
		rapid.StringMatching(`[@!#$][a-zA-Z0-9.]{0,24}:(example\.org|example\.com)`),
		rapid.StringMatching(`mxc://example\.org/[A-Za-z0-9_-]{0,33}`),
		rapid.StringMatching(`(signed_|)(curve|ed)25519:[A-Za-z0-9+/]{0,12}`),
		rapid.StringMatching(`(ed|curve)25519:[A-Za-z0-9+/]{43}`),
		rapid.StringMatching(`signed_curve25519:AAAA[AB]{0,6}[AQgw]`),
		rapid.StringMatching(`[A-Za-z0-9+/]{14,90}={0,2}`),
		rapid.StringMatching(`[A-Za-z0-9_-]{14,90}={0,2}`),
		rapid.StringMatching(`[0-9a-f]{14,40}`),
		rapid.StringMatching(`[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
		rapid.StringMatching(`[0-9]{1,22}`),
		rapid.StringMatching(`[stm]([0-9]{1,17}[_-]){0,25}[0-9]{1,3}`),
		rapid.StringMatching(`m1[0-9]{12}(\.[0-9]{1,4}|[0-9]{1,3}|)`),
		rapid.StringMatching(`mautrix-go_1[0-9]{15,19}_[0-9]{1,3}`),
		rapid.StringMatching(`1[0-9]{12}__inc[0-9]{1,3}`),
		rapid.StringMatching(`\$local\.[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`),
		rapid.StringMatching(`t[0-9a-f]{13,15}`),
		rapid.Just(testHome),
		rapid.Map(rapid.SampledFrom(wordRows), func(row string) string { return strings.Trim(row, `"`) }),
		rapid.SampledFrom(keyRows),
	)
	return rapid.OneOf(typed, typed, rapid.Custom(func(t *rapid.T) string {
		s := typed.Draw(t, "typed")
		at := rapid.IntRange(0, len(s)).Draw(t, "at")
		return strings.ToValidUTF8(s[:at]+rapid.StringN(0, 2, 8).Draw(t, "fault")+s[at:], "?")
	}), rapid.String())
}

// jsonText draws JSON, also with the containers of the table.
func jsonText(depth int) *rapid.Generator[string] {
	quoted := rapid.Map(stringValue(), func(s string) string {
		b, _ := json.Marshal(s)
		return string(b)
	})
	return rapid.Custom(func(t *rapid.T) string {
		kinds := 4
		if depth > 0 {
			kinds = 6
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return quoted.Draw(t, "string")
		case 1:
			return rapid.StringMatching(`-?(0|1[0-9]{0,14}|[1-9][0-9]{0,20})(\.[0-9]{1,3})?`).Draw(t, "number")
		case 2:
			return rapid.StringMatching(`1[67][0-9]{11}`).Draw(t, "time")
		case 3:
			return rapid.SampledFrom(append([]string{"true", "false", "null", "{}", "[]"}, wordRows...)).Draw(t, "word")
		case 4:
			return "[" + strings.Join(rapid.SliceOfN(jsonText(depth-1), 0, 4).Draw(t, "elements"), ",") + "]"
		default:
			var members []string
			for range rapid.IntRange(0, 4).Draw(t, "members") {
				members = append(members, quoted.Draw(t, "key")+":"+jsonText(depth-1).Draw(t, "value"))
			}
			return "{" + strings.Join(members, ",") + "}"
		}
	})
}

// TestIdentity: what goes through both directions is what version 1 makes of it.
func TestIdentity(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	rapid.Check(t, func(rt *rapid.T) {
		text := jsonText(3).Draw(rt, "text")
		want := string(plain(t, []byte(text)))
		payload, err := codec.AppendBody(nil, []byte(text), nil)
		require.NoError(rt, err)
		back, err := codec.AppendJSON(nil, payload, nil)
		require.NoError(rt, err, "%x", payload)
		require.Equal(rt, want, string(back))

		ends := newEnds()
		for range 2 {
			payload, err := codec.AppendBody(nil, []byte(text), ends.context())
			require.NoError(rt, err)
			back, err := codec.AppendJSON(nil, payload, ends.context())
			require.NoError(rt, err, "%x", payload)
			require.Equal(rt, want, string(back))
		}
	})
}

// TestRequestIdentity: every request comes back to the byte.
func TestRequestIdentity(t *testing.T) {
	codec := New(testHome, cborcodec.Limits{})
	segment := rapid.OneOf(
		rapid.Map(stringValue(), escapeSome), rapid.StringMatching(`[A-Za-z0-9%_.~!$&'()*+,;=:@-]{0,12}`),
		rapid.SampledFrom([]string{"", ".", "..", "%2F", "%2f", "%00", "%FF", "%E2%82%AC", "a%2Fb", "{roomId}"}),
	)
	rapid.Check(t, func(rt *rapid.T) {
		method, path, _ := strings.Cut(rapid.SampledFrom(routeRows).Draw(rt, "route"), " ")
		parts := strings.Split(path[1:], "/")
		for i, p := range parts {
			if strings.HasPrefix(p, "{") || rapid.IntRange(0, 30).Draw(rt, "replace") == 0 {
				parts[i] = segment.Draw(rt, "segment")
			}
		}
		r := Request{Method: method, Target: "/" + strings.Join(parts, "/")}
		if rapid.Bool().Draw(rt, "other method") {
			r.Method = rapid.SampledFrom([]string{"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"}).Draw(rt, "method")
		}
		if rapid.Bool().Draw(rt, "query") {
			var args []string
			for range rapid.IntRange(0, 14).Draw(rt, "arguments") {
				arg := rapid.SampledFrom(argumentRows).Draw(rt, "argument")
				if rapid.Bool().Draw(rt, "value") {
					arg += "=" + segment.Draw(rt, "value")
				}
				args = append(args, arg)
			}
			r.Target += "?" + strings.Join(args, "&")
		}
		if rapid.Bool().Draw(rt, "body") {
			r.Body = plain(t, []byte(jsonText(1).Draw(rt, "text")))
		}
		if rapid.IntRange(0, 4).Draw(rt, "opaque") == 0 {
			r.Body, r.Opaque = rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(rt, "bytes"), true
		}
		if !legalRequest(&r) {
			rt.Skip("not a request")
		}
		payload, err := codec.AppendRequest(nil, &r, nil)
		require.NoError(rt, err)
		got := Request{Opaque: r.Opaque}
		require.NoError(rt, codec.DecodeRequest(&got, payload, nil), "%+v %x", r, payload)
		require.Equal(rt, r, got, "%x", payload)
	})
}

// escapeSome percent-encodes what cannot stand in a path.
func escapeSome(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>?#%/\^{|}`+"`", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
