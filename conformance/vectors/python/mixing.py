"""The predictor of the mixing coder and its arithmetic coder, made from docs/wire-v2-coder.md alone."""
from operator import mul

from model import AFTER, SUMS
from structure import M32, Structure, mix

KNOTS = (22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768, 40793, 47911,
         53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514)


class Damaged(Exception): pass


def prob(x):
    k, f = x + 2048 >> 7, x + 2048 & 127
    return KNOTS[k] * (128 - f) + KNOTS[k + 1] * f + 64 >> 7


class Predictor:
    """Gives the probability of each bit of a message, which may be asked once for each."""

    def __init__(self, model, prelude):
        self.model, self.structure = model, Structure(prelude)
        self.slots, self.first, self.final = list(model.slots), {}, {}  # what has changed
        self.recent = int.from_bytes(prelude[-5:], "big")
        self.word = self.before = 0
        self.text, self.index = bytearray(model.dictionary), {}
        self.match = self.position = 0  # length of the match, and where its next byte is
        self.in_length = True
        self.start()

    def start(self):
        """Computes the contexts of a byte."""
        s, r = self.structure, self.recent
        self.expected = self.text[self.position] if self.match else 0
        self.level = self.match >> 1 if self.match < 16 else 8 + (self.match - 16 >> 1)
        self.opaque = s.kind == 15 and s.at >= 8 and not self.match
        self.partial = 1
        if self.opaque: return
        b = r & 0xff
        self.hashes = (
            mix(b, s.kind << 8 | 1), mix(r & 0xffff, 2), mix(r & 0xffffff, 3), mix(r & M32, 4),
            mix(r & M32, (r >> 32 & 0xff) << 8 | 5), mix(s.path, s.item + 6),
            mix(s.field, b << 16 | min(s.at, 255) << 8 | 7), mix(self.word, b << 8 | 8), mix(s.item, 9),
            mix(mix(s.path, s.previous), s.item + 10), mix(self.word, self.before + 11), mix(s.kind, 12),
            mix(self.expected | self.level << 8, 13), mix(mix(s.topic ^ s.manner, s.path), s.item + 16),
            mix(mix(s.field, s.last[s.field >> 24] or s.manner), s.item + 14), mix(mix(s.field, self.word), s.at << 8 | 15))
        self.half()

    def half(self):
        """Looks the slots of half a byte up."""
        found = []
        self.old = 0
        for i, c in enumerate(self.hashes):
            slot, known = self.find(c)
            found.append(slot)
            if i < 7: self.old += known
        self.found, self.node = found, 1

    def find(self, c):
        h = (c + self.partial * 0x9E3779B1) * 0x2C1B3C6D & M32
        h ^= h >> 15
        check, slots = (h & 0xff) % 255 + 1, self.slots
        for n in (h >> 15, h >> 15 ^ 1, h >> 15 ^ 2, h >> 15 ^ 3):
            s = slots[n]
            if s[0] == check or not s[0]: break
        else:
            n = min((h >> 15 ^ i for i in range(4)), key=lambda n: SUMS[slots[n][1]])
            s = slots[n]
        if isinstance(s, bytes): s = slots[n] = bytearray(s)
        known = s[0] == check
        if not known: s[:] = bytes([check]) + bytes(15)  # contexts that have this slot, too, see it
        return s, known

    def p(self):
        """The probability of a 1, in 1/65536."""
        if self.opaque: return 32768
        node, bits = self.node, self.partial.bit_length() - 1
        inputs = [logits[s[node]] for logits, s in zip(self.model.logits, self.found)]
        input, level = 0, 0
        if self.match and (self.expected | 256) >> 8 - bits == self.partial:
            level, input = self.level, self.model.match_logits[self.level]
            if not self.expected >> 7 - bits & 1: input = -input
        inputs += (input, 256)
        kind = self.structure.kind
        chosen = (kind * 8 + bits, 136 + level * 8 + self.old, 264 + (self.structure.field >> 26))
        self.vectors = [self.first.get(n) or self.first.setdefault(n, list(self.model.first[n])) for n in chosen]
        self.x = [max(-2047, min(2047, sum(map(mul, inputs, v)) >> 16)) for v in self.vectors]
        self.last = self.final.get(kind) or self.final.setdefault(kind, list(self.model.final[kind]))
        self.inputs = inputs
        self.out = prob(max(-2047, min(2047, sum(map(mul, self.x, self.last)) >> 16)))
        return self.out

    def update(self, y):
        if not self.opaque:
            node, after = self.node, AFTER[y]
            for s in self.found: s[node] = after[s[node]]
            d = (y << 16) - self.out
            if not -512 <= d <= 512: grow(self.last, self.x, d * 16 >> 4)
            for v, x in zip(self.vectors, self.x):
                d = (y << 16) - prob(x)
                if not -512 <= d <= 512: grow(v, self.inputs, d * 32 >> 4)
            self.node = node << 1 | y
        self.partial = self.partial << 1 | y
        if self.partial >= 256: self.byte(self.partial & 0xff)
        elif self.partial >> 4 == 1 and not self.opaque: self.half()

    def byte(self, b):
        if self.in_length:
            self.in_length = b >= 128
            self.structure.length(b, not self.in_length)
        else:
            self.structure.take(b)
            self.recent = (self.recent << 8 | b) & 0xffffffffff
            if b >= 128 or chr(b).isalpha(): self.word = mix(self.word, b)
            elif self.word: self.before, self.word = self.word, 0
            self.foretell(b)
        self.start()

    def foretell(self, b):
        if self.match and self.expected == b: self.match, self.position = min(self.match + 1, 31), self.position + 1
        else: self.match = 0
        text, first = self.text, len(self.model.dictionary)
        text.append(b)
        n = len(text) - first
        if n < 4: return
        h = int.from_bytes(text[-4:], "big") * 0x9E3779B1 & M32
        if not self.match:
            for position in self.index.get(h >> 19), self.model.index.get(h >> 18):
                if position is None or position == first: continue
                length = 0
                while length < min(n, 31, position) and text[position - 1 - length] == text[-1 - length]: length += 1
                if length >= 4:
                    self.match, self.position = length, position
                    break
        self.index[h >> 19] = len(text)


def grow(weights, inputs, e):
    weights[:] = [(w + (x * e + 8192 >> 14) + 0x80000000 & M32) - 0x80000000 for w, x in zip(weights, inputs)]


def split(low, high, p):
    """Where the interval is cut for the likely bit, and that bit."""
    bit = p >= 32768
    q, w = p if bit else 65536 - p, high - low
    return low + (w >> 16) * q + ((w & 0xffff) * q >> 16), int(bit)


class Decoder:
    def __init__(self, model, prelude, code):
        self.predictor, self.code, self.low, self.high = Predictor(model, prelude), code, 0, M32
        self.value, self.read = 0, 0
        for _ in range(4): self.ahead()

    def ahead(self):
        if self.read >= len(self.code) + 8: raise Damaged("the code ends too soon")
        b = self.code[self.read] if self.read < len(self.code) else 0
        self.value, self.read = (self.value << 8 | b) & M32, self.read + 1

    def byte(self):
        b = 0
        for _ in range(8):
            mid, bit = split(self.low, self.high, self.predictor.p())
            if self.value <= mid: self.high = mid
            else: self.low, bit = mid + 1, 1 - bit
            while (self.low ^ self.high) < 1 << 24:
                self.low, self.high = self.low << 8 & M32, self.high << 8 & M32 | 0xff
                self.ahead()
            self.predictor.update(bit)
            b = b << 1 | bit
        return b


def decode(model, prelude, code, limit):
    """The payload of a code, of at most limit bytes."""
    d, out = Decoder(model, prelude, code), bytearray()
    limit = min(limit, 65535, 2048 + 32 * len(code))
    size = shift = 0
    while True:
        b = d.byte()
        size |= (b & 127) << shift
        if size > limit or shift > 28 or b == 0 and shift: raise Damaged("the length")
        shift += 7
        if b < 128: break
    structure = d.predictor.structure
    while shift == 7 and size == 0 or len(out) < size:
        outermost = structure.kind == 0
        b = d.byte()
        if not size and outermost and b == 0xff: break
        if len(out) == limit: raise Damaged("too long")
        out.append(b)
    if d.read < len(code): raise Damaged("bytes that were never read")
    return bytes(out)


def encode(model, prelude, payload):
    """The code of a payload."""
    p, low, high, out = Predictor(model, prelude), 0, M32, bytearray()

    def put(byte):
        nonlocal low, high
        for i in range(7, -1, -1):
            y = byte >> i & 1
            mid, bit = split(low, high, p.p())
            if y == bit: high = mid
            else: low = mid + 1
            while (low ^ high) < 1 << 24:
                out.append(low >> 24)
                low, high = low << 8 & M32, high << 8 & M32 | 0xff
            p.update(y)

    if delimits(payload): message = b"\0" + payload + b"\xff"
    else: message = leb128(len(payload)) + payload
    for b in message: put(b)
    sent = len(out)
    for n in range(5):  # the shortest string that, followed by zeros, is between low and high
        step = 1 << 32 - 8 * n
        lowest = (low + step - 1) // step * step
        if lowest <= high: break
    out += lowest.to_bytes(5, "big")[1:n + 1]
    keep = max(0, sent - 4)
    while len(out) > keep and out[-1] == 0: out.pop()
    return bytes(out)


def delimits(payload):
    s = Structure(b"")
    s.length(0, True)
    for b in payload:
        if s.kind == 0 and b == 0xff: return False
        s.take(b)
    return s.kind == 0


def leb128(n):
    out = bytearray()
    while n > 127: out, n = out + bytes([n & 127 | 128]), n >> 7
    return bytes(out) + bytes([n])
