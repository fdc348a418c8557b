package vectors

import (
	"fmt"
	"strings"
)

// smallBlocks is a link on which bodies of a few hundred bytes take several blocks.
const smallBlocks = "base=default,block-size=64"

// long is a JSON body that takes n bytes as CBOR, which tells its places.
func long(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n-2; i++ {
		fmt.Fprintf(&b, "%03d,", i)
	}
	return `"` + b.String()[:n-2] + `"`
}

// blockOf is one block of the CBOR of long(n), in words.
func blockOf(n, num, size int) string {
	body := append([]byte{0x78, byte(n - 2)}, strings.Trim(long(n), `"`)...)
	return fmt.Sprintf("%x", body[num*size:min(n, (num+1)*size)])
}

// blockFile is bodies in blocks.
func blockFile() *file {
	f := &file{name: "blocks.json", Kind: "exchange", About: "bodies in several messages: RFC 7959 with any peer, RFC 9177 between two coapgw (docs/wire-v1.md, \"Bodies in blocks\")"}
	add := func(client, server, name, why string, s ...action) *exchangeRow {
		r := between(client, server, name, why, s)
		r.Link = smallBlocks
		f.rows = append(f.rows, r)
		return r
	}
	const n = 150 // of bytes: blocks of 64, 64 and 22
	add(foreign, coapgw, "download", "Block2 and Size2 in the first one, as many bytes as the server likes; the client asks for each further one, with all its options.",
		say(`CON 0.01 mid:0001 token:01 11:"x" 257:01`), answer(1, 200, long(n)),
		say(`CON 0.01 mid:0002 token:02 11:"x" 23:12 257:01`),
		say(`CON 0.01 mid:0003 token:03 11:"x" 23:22 257:01`))
	add(foreign, coapgw, "download in smaller blocks", "The client asks for 32 bytes a block (RFC 7959 §2.4).",
		say(`CON 0.01 mid:0001 token:01 11:"x" 23:01`), answer(1, 200, long(70)),
		say(`CON 0.01 mid:0002 token:01 11:"x" 23:11`),
		say(`CON 0.01 mid:0003 token:01 11:"x" 23:21`))
	add(foreign, coapgw, "a block of nothing", "An answer is made once, for the first block: 4.08.",
		say(`CON 0.01 mid:0001 token:01 11:"x" 23:12`))
	add(foreign, coapgw, "SZX 7", "Reserved (RFC 7959 §2.2): 4.00.",
		say(`CON 0.01 mid:0001 token:01 11:"x" 23:07`))
	add(foreign, coapgw, "upload", "2.31 to each block but the last, which is answered.",
		say(`CON 0.03 mid:0001 token:01 11:"x" 12:3c 27:0a 60:96 257:01 payload:`+blockOf(n, 0, 64)),
		say(`CON 0.03 mid:0002 token:02 11:"x" 12:3c 27:1a 257:01 payload:`+blockOf(n, 1, 64)),
		say(`CON 0.03 mid:0003 token:03 11:"x" 12:3c 27:22 257:01 payload:`+blockOf(n, 2, 64)), answer(1, 200, `{}`))
	add(foreign, coapgw, "upload in blocks that are too large", "The answer says which size the server wants from then on (RFC 7959 §2.3).",
		say(`CON 0.03 mid:0001 token:01 11:"x" 12:3c 27:0b 257:01 payload:`+blockOf(n, 0, 128)),
		say(`CON 0.03 mid:0002 token:02 11:"x" 12:3c 27:22 257:01 payload:`+blockOf(n, 2, 64)), answer(1, 200, `{}`))
	add(foreign, coapgw, "a block is missing", "4.08 (RFC 7959 §2.9.2): the client begins anew.",
		say(`CON 0.03 mid:0001 token:01 11:"x" 12:3c 27:0a payload:`+blockOf(n, 0, 64)),
		say(`CON 0.03 mid:0002 token:02 11:"x" 12:3c 27:22 payload:`+blockOf(n, 2, 64)))
	add(foreign, coapgw, "a block that is not full", "Each but the last one is: 4.00.",
		say(`CON 0.03 mid:0001 token:01 11:"x" 12:3c 27:0a payload:00`))
	add(foreign, coapgw, "upload that is too large", "4.13 with Size1, which says what the server takes (RFC 7959 §2.9.3).",
		say(`CON 0.03 mid:0001 token:01 11:"x" 12:3c 27:0a 60:96 257:01 payload:`+blockOf(n, 0, 64))).MaxBody = 100
	add(foreign, coapgw, "both ways", "The answer to the last block has a first block of its own.",
		say(`CON 0.05 mid:0001 token:01 11:"x" 12:3c 27:0a 257:01 payload:`+blockOf(100, 0, 64)),
		say(`CON 0.05 mid:0002 token:02 11:"x" 12:3c 27:12 257:01 payload:`+blockOf(100, 1, 64)), answer(1, 200, long(100)),
		say(`CON 0.05 mid:0003 token:03 11:"x" 12:3c 23:12 257:01`))

	add(coapgw, foreign, "download from a foreign server", "Further blocks are asked for under the same token, with the same options.",
		ask(1, "GET", "/x", "", ""),
		say(`ACK 2.05 mid:0001 token:00 12:3c 23:0a 28:96 payload:`+blockOf(n, 0, 64)),
		say(`ACK 2.05 mid:0002 token:00 12:3c 23:1a payload:`+blockOf(n, 1, 64)),
		say(`ACK 2.05 mid:0003 token:00 12:3c 23:22 payload:`+blockOf(n, 2, 64)))
	add(coapgw, foreign, "another answer in between", "Its ETag is another (RFC 7959 §2.4): the body is broken, and the client is told 502.",
		ask(1, "GET", "/x", "", ""),
		say(`ACK 2.05 mid:0001 token:00 4:01 12:3c 23:0a payload:`+blockOf(n, 0, 64)),
		say(`ACK 2.05 mid:0002 token:00 4:02 12:3c 23:12 payload:`+blockOf(100, 1, 64)))
	add(coapgw, foreign, "upload to a foreign server", "Blocks of 64 bytes with Size1 in the first one.",
		ask(1, "PUT", "/x", "", long(n)),
		say(`ACK 2.31 mid:0001 token:00 27:0a`),
		say(`ACK 2.31 mid:0002 token:00 27:1a`),
		say(`ACK 2.04 mid:0003 token:00 27:22`))
	add(coapgw, foreign, "upload, and smaller blocks are asked for", "16 bytes from then on: what was sent counts in the new unit (RFC 7959 §2.3).",
		ask(1, "PUT", "/x", "", long(100)),
		say(`ACK 2.31 mid:0001 token:00 27:09`),
		say(`ACK 2.31 mid:0002 token:00 27:29`),
		say(`ACK 2.04 mid:0003 token:00 27:31`))

	add(coapgw, coapgw, "download between two coapgw", "Q-Block2: the blocks behind the first come unasked, as NON, and the last report says that all have come.", greeted(
		ask(2, "GET", "/x", alice, ""), answer(2, 200, long(n)), pause(3),
	)...)
	add(coapgw, coapgw, "download whose first message is lost", "It comes again when it is asked for again; the blocks behind it are kept.", greeted(
		ask(2, "GET", "/x", alice, ""), lose(server), answer(2, 200, long(n)), pause(4),
	)...)
	add(coapgw, coapgw, "upload between two coapgw", "Q-Block1: the last block is CON, and its acknowledgement has the answer.", greeted(
		ask(2, "PUT", "/x", alice, long(n)), pause(1), answer(2, 200, `{}`), pause(3),
	)...)
	return f
}

// observeFile is RFC 7641 on /sync, with peers that are no coapgw.
func observeFile() *file {
	f := &file{name: "observe.json", Kind: "exchange", About: "observing /sync (RFC 7641) as any client may: the server polls the homeserver and notifies what is new (docs/wire-v1.md, \"Observing /sync\")"}
	add := func(name, why string, s ...action) {
		f.rows = append(f.rows, between(foreign, coapgw, name, why, s))
	}
	const (
		register = `CON 0.01 mid:0001 token:0b 6: 11:"7" 15:"since=s1" 257:01`
		news     = `{"next_batch":"s3","rooms":{"join":{"!r:x":{"timeline":{"events":[{"type":"t"}]}}}}}`
	)
	add("notification", "The server polls from next_batch; what holds no more than that is not told; what is new comes as a confirmable message, and when that is acknowledged the server polls on.",
		say(register), answer(1, 200, `{"next_batch":"s2"}`),
		answer(2, 200, `{"next_batch":"s2a"}`), pause(60),
		answer(3, 200, news), say(`ACK 0.00 mid:8001`))
	add("a notification in blocks", "Its further blocks are asked for under another token, with the ETag of the first (RFC 7959 §2.6); the server polls on when the last one was fetched.",
		say(`CON 0.01 mid:0001 token:0b 6: 11:"7" 15:"since=s1" 23:02 257:01`), answer(1, 200, `{"next_batch":"s2"}`),
		answer(2, 200, `{"next_batch":"s3","x":`+long(60)+`}`), say(`ACK 0.00 mid:8001`),
		say(`CON 0.01 mid:0002 token:0c 11:"7" 15:"since=s1" 23:12 257:01`))
	add("deregistration", "Observe 1 under the same token: answered without content, and nothing comes any more.",
		say(register), answer(1, 200, `{"next_batch":"s2"}`),
		say(`CON 0.01 mid:0002 token:0b 6:01 11:"7" 15:"since=s1" 257:01`), answer(2, 200, news))
	add("rejection", "A Reset ends the observation (RFC 7641 §3.6).",
		say(register), answer(1, 200, `{"next_batch":"s2"}`),
		answer(2, 200, news), say(`RST 0.00 mid:8001`), pause(60))
	add("no observation of an error", "Its answer has no Observe, and nothing comes.",
		say(register), answer(1, 401, `{"errcode":"M_UNKNOWN_TOKEN"}`), pause(60))
	add("the end", "An error of the homeserver is the last notification (RFC 7641 §4.2).",
		say(register), answer(1, 200, `{"next_batch":"s2"}`),
		answer(2, 401, `{"errcode":"M_UNKNOWN_TOKEN"}`), say(`ACK 0.00 mid:8001`), pause(60))
	return f
}
