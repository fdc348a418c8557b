"""JSON to CBOR of version 1, made from docs/wire-v1.md and docs/decisions/0002 alone."""
import json, math, re, struct
from decimal import Decimal, InvalidOperation

from decode import Limit, Syntax, fraction, shortest, show


class Num(str): pass  # a number as its text
class Pairs(list): pass  # an object with its order and its duplicates


def head(major, n):
    if n < 24: return bytes([major << 5 | n])
    size = next(i for i in range(4) if n < 1 << (8 << i))
    return bytes([major << 5 | 24 + size]) + n.to_bytes(1 << size, "big")

def integer(n):
    if -1 << 64 <= n < 1 << 64: return head(0, n) if n >= 0 else head(1, -1 - n)
    m = n if n >= 0 else -1 - n
    b = m.to_bytes((m.bit_length() + 7) // 8, "big")
    return (b"\xc2" if n >= 0 else b"\xc3") + head(2, len(b)) + b

def floating(f):
    for form, initial in ("e", 0xf9), ("f", 0xfa), ("d", 0xfb):
        try: b = struct.pack(">" + form, f)
        except OverflowError: continue
        if struct.unpack(">" + form, b)[0] == f: return bytes([initial]) + b

def exact(s):
    try: return Decimal(s)
    except InvalidOperation: return None  # an exponent that no float has

def number(s, untagged):
    whole = re.fullmatch(r"-?[0-9]+", s)
    f = float(s)
    same = len(s) <= 32 and math.isfinite(f) and Decimal(shortest(f)) == exact(s)
    if s == "-0": return floating(f)
    if whole and not (untagged and same and not -1 << 64 <= int(s) < 1 << 64):
        return integer(int(s)) if len(s) <= 1024 else b"\xd9\x01\x06" + head(2, len(s)) + s.encode()
    if untagged and same and f == int(f) and abs(f) <= 1 << 53 and not (f == 0 and s[0] == "-"): return integer(int(f))
    if len(s) <= 32 and math.isfinite(f) and (show(f) == s or untagged and same): return floating(f)
    m = re.fullmatch(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:e(-?[0-9]+))?", s)
    if m and len(s) <= 128:
        e = int(m[4]) if m[4] else -len(m[3] or "")
        mantissa = int(m[1] + m[2] + (m[3] or ""))
        if not (m[3] and m[4]) and abs(e) < 1 << 63 and fraction(e, mantissa) == s:
            return b"\xc4\x82" + integer(e) + integer(mantissa)
    return b"\xd9\x01\x06" + head(2, len(s)) + s.encode()

def string(s):
    try: return head(3, len(s.encode())) + s.encode()
    except UnicodeEncodeError:
        b = s.encode("utf-8", "surrogatepass")
        return b"\xd9\x01\x11" + head(2, len(b)) + b

def encode(v, keys, codec, depth=0):
    if isinstance(v, Num): return number(v, codec != "v1")
    if isinstance(v, str): return string(v)
    if v is None or v is True or v is False: return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[v]
    if depth == 128: raise Limit
    if not isinstance(v, Pairs): return head(4, len(v)) + b"".join(encode(x, keys, codec, depth + 1) for x in v)
    key = lambda k: head(0, keys[k]) if k in keys and codec != "plain" else string(k)
    return head(5, len(v)) + b"".join(key(k) + encode(x, keys, codec, depth + 1) for k, x in v)

def from_json(data, keys, codec):
    """codec is "v1", "untagged" or "plain"; keys are the numbers of the table by their names."""
    def no(_): raise ValueError
    try: v = json.loads(data.decode(), object_pairs_hook=Pairs, parse_int=Num, parse_float=Num, parse_constant=no)
    except ValueError: raise Syntax
    return encode(v, keys, codec)

