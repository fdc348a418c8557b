"""CoAP messages (RFC 7252 section 3) and the words in which the vectors say them (docs/vectors.md)."""
from dataclasses import dataclass

TEXTS = {3, 8, 11, 15, 20, 35, 39, 256, 261}  # options whose format is string


@dataclass
class Message:
    type: str
    code: str
    id: int
    token: bytes
    options: list  # numbers and values
    payload: bytes

    def values(self, number): return [v for n, v in self.options if n == number]

    def words(self):
        out = [f"{self.type} {self.code} mid:{self.id:04x} token:{self.token.hex()}"]
        for n, v in self.options:
            text = v.decode("ascii", "replace")
            quoted = n in TEXTS and v and text.isprintable() and text.isascii()
            out.append(f'{n}:"{text}"' if quoted else f"{n}:{v.hex()}")
        if self.payload: out.append(f"payload[{len(self.payload)}]")
        return " ".join(out)


def parse(data):
    """The message in a datagram, ValueError if there is none."""
    if len(data) < 4 or data[0] >> 6 != 1: raise ValueError("no version 1")
    n = data[0] & 15
    m = Message(("CON", "NON", "ACK", "RST")[data[0] >> 4 & 3], f"{data[1] >> 5}.{data[1] & 31:02d}",
                int.from_bytes(data[2:4], "big"), data[4:4 + n], [], b"")
    if n > 8 or len(data) < 4 + n: raise ValueError("token")
    at, number = 4 + n, 0

    def extended(nibble):
        nonlocal at
        if nibble < 13: return nibble
        if nibble == 15: raise ValueError("option")
        size = nibble - 12
        at += size
        if at > len(data): raise ValueError("option")
        return int.from_bytes(data[at - size:at], "big") + (13 if size == 1 else 269)

    while at < len(data):
        b, at = data[at], at + 1
        if b == 0xff:
            m.payload = data[at:]
            if not m.payload: raise ValueError("marker without payload")
            break
        number += extended(b >> 4)
        size = extended(b & 15)
        at += size
        if at > len(data): raise ValueError("option")
        m.options.append((number, data[at - size:at]))
    return m
