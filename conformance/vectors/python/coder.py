"""Payloads of wire version 2 without the layers above, made from docs/wire-v2-coder.md alone."""
import zlib

import mixing
from mixing import Damaged, leb128

RAW, DEFLATE, MIXING, WRAPPED = range(4)


def length(data):
    """A length in front of data, and what follows it."""
    n = 0
    for i, b in enumerate(data[:5]):
        n |= (b & 127) << 7 * i
        if b < 128:
            if i and not b: break
            return n, data[i + 1:]
    raise Damaged("no length")


def decode(model, method, body, prelude=b"", limit=1 << 26):
    """The bytes of a body, of at most limit."""
    if method == RAW:
        if len(body) > limit: raise Damaged("too long")
        return body
    if method == MIXING: return mixing.decode(model, prelude, body, limit)
    if method != DEFLATE: raise Damaged("no method of the coder")
    size, stream = length(body)
    if size > min(limit, 1032 * len(body)): raise Damaged("too long")
    z = zlib.decompressobj(-15, zdict=model.dictionary)
    try: out = z.decompress(stream, size + 1)
    except zlib.error as e: raise Damaged(str(e))
    if len(out) != size or not z.eof or z.unused_data or z.unconsumed_tail: raise Damaged("another length")
    return out


def encode(model, method, payload, prelude=b""):
    """The body of a payload."""
    if method == RAW: return payload
    if method == MIXING: return mixing.encode(model, prelude, payload)
    z = zlib.compressobj(9, wbits=-15, zdict=model.dictionary)
    return leb128(len(payload)) + z.compress(payload) + z.flush()
