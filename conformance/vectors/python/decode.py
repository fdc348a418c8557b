"""CBOR of version 1 to JSON, made from docs/wire-v1.md and docs/decisions/0002 alone."""
import math, re, struct
from decimal import Decimal

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")


class Syntax(Exception): pass
class Limit(Exception): pass


def shortest(f):  # as ECMAScript prints it
    _, digits, exponent = Decimal(repr(abs(f))).normalize().as_tuple()
    d, n = "".join(map(str, digits)), len(digits) + exponent
    if n > 21: s = f"{d[0]}{'.' * (len(d) > 1)}{d[1:]}e+{n - 1}"
    elif n >= len(d): s = d + "0" * (n - len(d))
    elif n > 0: s = f"{d[:n]}.{d[n:]}"
    elif n > -6: s = "0." + "0" * -n + d
    else: s = f"{d[0]}{'.' * (len(d) > 1)}{d[1:]}e{n - 1}"
    return "-" * (math.copysign(1, f) < 0) + s

def show(f):  # as the decoder prints it: integral values in full
    if f == int(f) and abs(f) < 1e21: return "-" * (f == 0 and math.copysign(1, f) < 0) + str(int(f))
    return shortest(f)

def fraction(e, m):
    if not -64 <= e < 0: return str(m) if e == 0 else f"{m}e{e}"
    digits = str(abs(m)).rjust(1 - e, "0")
    return "-" * (m < 0) + digits[:e] + "." + digits[e:]

def quoted(s):
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(short.get(c) or (f"\\u{ord(c):04x}" if c < " " or "\ud800" <= c <= "\udfff" else c) for c in s) + '"'

class Reader:
    def __init__(self, data, names): self.data, self.names, self.at = data, names, 0
    def take(self, n):
        if n > len(self.data) - self.at: raise Syntax
        self.at += n
        return self.data[self.at - n:self.at]
    def head(self):
        b = self.take(1)[0]
        info = b & 31
        if info < 24: return b >> 5, info, info
        if info < 28:
            n = int.from_bytes(self.take(1 << info - 24), "big")
            if b == 0xf8 and n < 32: raise Syntax  # RFC 8949 section 3.3
            return b >> 5, n, info
        if info == 31 and b >> 5 in (2, 3, 4, 5): return b >> 5, None, info
        raise Syntax
    def ends(self, i, n):  # of a container
        if n is not None: return i == n
        if self.data[self.at:self.at + 1] != b"\xff": return False
        self.at += 1
        return True
    def text(self, n):
        try:
            if n is not None: return self.take(n).decode()
            parts = []
            while not self.ends(0, None):
                major, size, info = self.head()
                if major != 3 or size is None: raise Syntax
                parts.append(self.take(size).decode())
            return "".join(parts)
        except UnicodeDecodeError: raise Syntax
    def octets(self):
        major, n, _ = self.head()
        if major != 2 or n is None: raise Syntax
        return self.take(n)
    def key(self):
        major, n, _ = self.head()
        if major == 3: return self.text(n), False
        if major < 2: return self.names.get(n, str(n)) if major == 0 else str(-1 - n), major == 0 and n in self.names
        if (major, n) == (6, 273): return wtf8(self.octets()), False
        raise Syntax
    def whole(self, tags):
        major, n, _ = self.head()
        if major < 2: return n if major == 0 else -1 - n
        if major != 6 or n not in tags: raise Syntax
        return bignum(n, self.octets())
    def item(self, depth=0):
        major, n, info = self.head()
        if major < 2: return str(n if major == 0 else -1 - n)
        if major == 3: return quoted(self.text(n))
        if major in (4, 5):
            if depth == 128: raise Limit
            out, i = [], 0
            while not self.ends(i, n):
                out.append(self.item(depth + 1) if major == 4 else (*self.key(), self.item(depth + 1)))
                i += 1
            if major == 4: return f"[{','.join(out)}]"
            texts = {k for k, of_table, _ in out if not of_table}
            return "{" + ",".join(f"{quoted(k)}:{v}" for k, of_table, v in out if not (of_table and k in texts)) + "}"
        if major == 6: return self.tagged(n)
        if major == 7 and info in (20, 21, 22): return {20: "false", 21: "true", 22: "null"}[info]
        if major == 7 and info in (25, 26, 27):
            f = struct.unpack({25: ">e", 26: ">f", 27: ">d"}[info], self.data[self.at - (1 << info - 24):self.at])[0]
            if math.isfinite(f): return show(f)
        raise Syntax
    def tagged(self, tag):
        if tag in (2, 3): return str(bignum(tag, self.octets()))
        if tag == 273: return quoted(wtf8(self.octets()))
        if tag == 262:
            s = self.octets().decode("latin-1")
            if NUMBER.match(s): return s
        if tag == 4 and self.take(1) == b"\x82": return fraction(self.whole(()), self.whole((2, 3)))
        raise Syntax

def bignum(tag, b):
    if len(b) > 426: raise Limit
    n = int.from_bytes(b, "big")
    return n if tag == 2 else -1 - n

def wtf8(b):
    try: s = b.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError: raise Syntax
    if re.search("[\ud800-\udbff][\udc00-\udfff]", s): raise Syntax
    return s

def to_json(data, names):
    """names are the keys of the table by their numbers."""
    r = Reader(data, names)
    text = r.item()
    if r.at < len(data): raise Syntax
    return text
