"""The machine that follows the CBOR of a payload, made from docs/wire-v2-coder.md alone."""

M32 = 0xffffffff


def mix(a, b):
    h = a * 0x2C1B3C6D + b * 0x297A2D39 + 0x9E3779B9 & M32
    h ^= h >> 15
    h = h * 0x85EBCA6B & M32
    return h ^ h >> 13


class Level:
    def __init__(self, path, topic, manner, map=False, left=None):
        self.path, self.topic, self.map, self.left = path, topic, map, left  # left: None until a break
        self.manner = 0 if map else manner
        self.key = self.index = 0
        self.key_next = map


class Structure:
    """Gives kind, path, field, item, previous, last, at, and the topic and the manner of its level."""

    def __init__(self, prelude):
        path = manner = 0
        for b in prelude[:4]: path = mix(path, b)
        for b in prelude[4:]: manner = mix(manner, b)  # how the sender writes, whatever it says
        self.levels = [Level(path, 0, manner)]
        self.kind, self.field, self.item, self.at, self.previous = 16, mix(0, 5), 0, 0, 0
        self.path = mix(path, self.field)
        self.last = [0] * 256

    @property
    def topic(self): return self.levels[-1].topic

    @property
    def manner(self): return self.levels[-1].manner

    def length(self, byte, ends):
        """Takes a byte of the length."""
        self.item = mix(self.item, byte + 256)
        if ends:
            self.previous = self.item
            self.begin()

    def begin(self):
        """Before each item."""
        level = self.levels[-1]
        self.item = self.at = self.need = 0
        if level.map: self.kind, self.field = (1, mix(level.key, 1)) if level.key_next else (2, mix(level.key, 2))
        elif len(self.levels) == 1: self.kind, self.field = 0, mix(min(level.index, 15), 3)
        else: self.kind, self.field = 3, mix(min(level.index, 3), 4)
        self.is_key = level.map and level.key_next
        self.path = mix(level.path, self.field)
        self.start = True  # the next byte is an initial one

    def take(self, byte):
        """Takes a byte of the payload."""
        self.item = mix(self.item, byte + 256)
        if self.start: self.initial(byte)
        elif self.need:
            self.argument, self.need = self.argument << 8 | byte, self.need - 1
            if not self.need: self.headed()
            elif self.kind == 5: self.kind = 6
        else:
            if not self.at: self.began_word = byte >= 0x80 or chr(byte).isalnum()
            self.at, self.rest = self.at + 1, self.rest - 1
            if not self.rest: self.ends()
            else: self.content()

    def initial(self, byte):
        self.start, self.major, info = False, byte >> 5, byte & 31
        self.argument = info
        if info < 24: self.headed()
        elif info < 28:
            self.need, self.argument = 1 << info - 24, 0
            self.kind = (5, 5, 9, 9, 9, 9, 8, 7)[self.major]
        elif info == 31 and 2 <= self.major <= 5: self.open(None)
        elif byte == 0xff:
            self.argument = 0
            if len(self.levels) > 1 and self.levels[-1].left is None:
                self.levels.pop()
                self.is_key = self.levels[-1].map and self.levels[-1].key_next
            self.ends()
        elif byte == 0xdf: self.kind, self.start = 4, True
        else:
            self.argument = 0
            self.ends()

    def headed(self):
        """The argument is complete."""
        if self.major == 6: self.kind, self.start = 4, True
        elif self.major in (2, 3) and self.argument:
            self.rest = self.argument
            self.content()
        elif self.major in (4, 5) and self.argument: self.open(self.argument)
        else: self.ends()

    def content(self):
        if self.major == 2: self.kind = 15
        elif self.is_key: self.kind = 10
        elif self.at < 3: self.kind = 11
        elif self.at < 48: self.kind = 12 if self.began_word else 13
        else: self.kind = 14

    def open(self, n):
        """A container with items begins."""
        if len(self.levels) > 15: return self.ends()
        is_map = self.major == 5
        left = n if n is None or not is_map else 2 * min(n, 1 << 40)
        self.levels.append(Level(self.path, self.topic, self.manner, is_map, left))
        self.begin()

    def ends(self):
        """An item without items in it ends."""
        self.last[self.field >> 24] = self.item
        level = self.levels[-1]
        if not self.is_key:
            word = self.major == 7 and not 20 <= self.argument <= 31
            if len(self.levels) == 1 and (word or self.major == 0): level.topic = mix(level.topic, self.item)
            elif len(self.levels) > 1 and word: level.topic = self.item
        while True:
            level = self.levels[-1]
            self.previous = self.item
            if not level.map or level.key_next: level.key = self.item
            level.index += 1
            if level.map: level.key_next = not level.key_next
            if level.left is None or len(self.levels) == 1: break
            level.left -= 1
            if level.left: break
            self.levels.pop()
        self.begin()
