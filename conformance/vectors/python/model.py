"""Bit histories and the model of the mixing coder, made from docs/wire-v2-coder.md alone."""
import struct, zlib

# The larger counts of each smaller count.
PAIRS = {
    0: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 255),
    1: (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128),
    2: (2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48, 64, 128),
    3: (3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 128),
    4: (4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64, 128),
    6: (6, 8, 10, 12, 16, 24, 32, 48, 64, 128),
    8: (8, 12, 16, 24, 32, 48, 64, 128),
    12: (12, 16, 24, 32, 48, 64, 128),
    16: (16, 24, 32, 48, 64, 128),
    24: (24, 32, 48, 64, 128),
    32: (32, 48, 64, 128),
    64: (64, 128),
}
COUNTS = []  # the counts of zeros and ones of a history
for smaller, row in PAIRS.items():
    for larger in row: COUNTS += [(smaller, larger), (larger, smaller)][:1 + (smaller != larger)]
NUMBERS = {pair: n for n, pair in enumerate(COUNTS)}


def history(zeros, ones):
    """The history of any two counts."""
    small, large = sorted((zeros, ones))
    if large > 255: small, large = small * 255 // large, 255
    small = max(s for s in PAIRS if s <= small)
    large = max((n for n in PAIRS[small] if n <= large), default=PAIRS[small][0])
    return NUMBERS[(small, large) if zeros <= ones else (large, small)]


def after(h, bit):
    """The history after a bit."""
    same, other = COUNTS[h][bit], COUNTS[h][1 - bit]
    if other > 2: other = other.bit_length()
    steps = tuple(PAIRS) if same < other else PAIRS[max(s for s in PAIRS if s <= other)]
    above = next((n for n in steps if n > same), same)
    if above - same <= 4: same = above
    return history(same, other) if bit == 0 else history(other, same)


AFTER = [[after(h, bit) for h in range(len(COUNTS))] for bit in (0, 1)]
SUMS = [min(255, sum(pair)) for pair in COUNTS]

CONTEXTS, HISTORIES, SLOTS = 16, 240, 1 << 17


class Model:
    """What both ends know before the first payload. A slot is its check byte and histories 1 to 15."""

    def __init__(self, deflated):
        self.data = data = zlib.decompress(deflated, -15)
        at = 1
        if data[0] != 6: raise ValueError("another algorithm")
        size = shift = 0
        while True:
            b = data[at]
            size |= (b & 127) << shift
            at, shift = at + 1, shift + 7
            if b < 128: break
        self.dictionary, at = data[at:at + size], at + size

        def words(n):
            nonlocal at
            at += 2 * n
            return struct.unpack(f">{n}h", data[at - 2 * n:at])

        clamped = lambda n: [max(-2047, min(2047, x)) for x in words(n)]
        self.logits = [clamped(HISTORIES) for _ in range(CONTEXTS)]
        self.match_logits = clamped(16)
        self.first = [[16 * w for w in words(18)] for _ in range(328)]
        self.final = [[16 * w for w in words(3)] for _ in range(17)]
        used = [8 * i + bit for i, b in enumerate(data[at:at + SLOTS // 8]) for bit in range(8) if b >> bit & 1]
        at += SLOTS // 8
        slots = {i: bytearray([check]) + bytes(15) for i, check in zip(used, data[at:at + len(used)])}
        at += len(used)
        for node in range(1, 16):
            if node == 1: stored = used
            else:
                parent, bit = node >> 1, node & 1
                stored = sorted((i for i in used if COUNTS[slots[i][parent]][bit]), key=lambda i: slots[i][parent])
            for i, h in zip(stored, data[at:at + len(stored)]): slots[i][node] = h
            at += len(stored)
        if at != len(data): raise ValueError(f"{len(data) - at} bytes behind the model")
        empty = bytes(16)
        self.slots = [bytes(slots[i]) if i in slots else empty for i in range(SLOTS)]
        # The position behind the last occurrence of four bytes.
        self.index = {}
        d = self.dictionary
        for end in range(4, len(d) + 1):
            self.index[(int.from_bytes(d[end - 4:end], "big") * 0x9E3779B1 & 0xffffffff) >> 18] = end
