package vectors

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// cborFile is CBOR both ways.
func cborFile() *file {
	f := &file{name: "cbor.json", Kind: "cbor", About: "JSON to CBOR of version 1 and back (docs/wire-v1.md, docs/decisions/0002-json-numbers-in-cbor.md)"}
	add := func(v *cborVector) { f.rows = append(f.rows, v) }
	both := func(name, why, json, item string) {
		add(&cborVector{Name: name, Why: why, JSON: &json, CBOR: item})
	}
	to := func(codec, name, why, json, item string) {
		add(&cborVector{Name: name, Why: why, Codec: codec, JSON: &json, CBOR: item})
	}
	read := func(name, why, item, text string) {
		v := &cborVector{Name: name, Why: why, CBOR: item}
		if text != "" {
			v.Text = &text
		}
		add(v)
	}
	refuse := func(name, why, kind, item string) {
		add(&cborVector{Name: name, Why: why, CBOR: item, Error: kind})
	}
	refuseJSON := func(name, why, kind, json string) {
		v := &cborVector{Name: name, Why: why, JSON: &json, Error: kind}
		if !isText(json) {
			v.JSON, v.JSONHex = nil, hex.EncodeToString([]byte(json))
		}
		add(v)
	}

	both("MSC3079 example", "The proposal's own object and its bytes.", proposal("msc3079-object.json"), proposal("msc3079-object.hex"))
	for n, key := range keyTable() {
		both("key "+key, "A row of the table.", `{"`+key+`":null}`, fmt.Sprintf("a1%xf6", cborUint(uint64(n+1))))
	}
	to("plain", "key in full", "A peer that has not shown that it knows the keys gets strings.", `{"type":1,"x":2}`, "a2647479706501617802")
	both("key, escaped", "Keys are compared as strings, not as they are spelt.", `{"t\u0079pe":1}`, "a10201")
	both("keys beside the table", "Case counts, and so does the end.", `{"Type":1,"typ":2,"":3}`, "a3"+"645479706501"+"6374797002"+"6003")
	both("key of digits", "A text key of digits is never an integer key.", `{"8":1,"origin_server_ts":2}`, "a26138010802")
	both("order of keys", "Order is kept: no canonical sorting.", `{"z":1,"a":2,"type":3}`, "")
	both("duplicate keys", "All stay, in order: the homeserver decides.", `{"a":1,"a":2}`, "a2616101616102")
	both("duplicate keys of the table", "The same with integer keys.", `{"type":1,"type":2}`, "a202010202")
	both("white space", "It does not cross the link.", " {\n\t\"a\" : [ 1 , 2 ] }\r\n", "a16161820102")
	both("literals", "All three.", `[true,false,null]`, "83f5f4f6")
	both("empty containers", "Definite lengths.", `[{},[],""]`, "83a08060")
	both("24 members", "The length of a map takes one byte more.", "{"+strings.Join(numbered(24, `"k%d":0`), ",")+"}", "")
	both("text of 24 bytes", "The length of a string takes one byte more.", `"abcdefghijklmnopqrstuvwx"`, "78186162636465666768696a6b6c6d6e6f707172737475767778")
	both("scalar at the top", "A body need not be an object.", `"x"`, "6178")
	both("depth 128", "The deepest that is accepted.", strings.Repeat("[", 128)+strings.Repeat("]", 128), strings.Repeat("81", 127)+"80")

	for _, n := range numbers {
		both("number "+n.text, n.why, n.text, n.item)
	}
	for _, n := range foreignNumbers {
		to("untagged", "untagged "+n.text, n.why, n.text, n.item)
	}
	for _, s := range texts {
		both("string "+s.text, s.why, s.text, s.item)
	}
	for _, c := range accepted {
		read("accepted: "+c.text, c.why, c.item, c.back)
	}
	for _, c := range refused {
		refuse("refused: "+c.text, c.why, c.kind(), c.item)
	}
	for _, c := range refusedJSON {
		refuseJSON("refused JSON: "+c.why, "Encoders refuse what is not JSON, or is beyond the limits.", c.kind(), c.text)
	}
	return f
}

// numbered makes n texts of a pattern, with or without a number.
func numbered(n int, pattern string) (texts []string) {
	for i := range n {
		if strings.Contains(pattern, "%d") {
			texts = append(texts, fmt.Sprintf(pattern, i))
		} else {
			texts = append(texts, pattern)
		}
	}
	return texts
}

// proposal is a file that was copied from MSC3079.
func proposal(name string) string {
	data, err := os.ReadFile("../../cborcodec/testdata/" + name)
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(data))
}

// keyTable is the table of MSC3079, appendix A, as it was copied from the proposal.
func keyTable() []string {
	var table struct {
		Source string            `json:"source"`
		Keys   map[string]uint64 `json:"keys"`
	}
	if err := json.Unmarshal([]byte(proposal("msc3079-v1-keys.json")), &table); err != nil {
		panic(err)
	}
	keys := make([]string, len(table.Keys))
	for key, n := range table.Keys {
		keys[n-1] = key
	}
	return keys
}

// cborUint is the head of an unsigned integer below 256 (RFC 8949 §3.1).
func cborUint(n uint64) []byte {
	if n < 24 {
		return []byte{byte(n)}
	}
	return []byte{24, byte(n)}
}
