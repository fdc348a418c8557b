"""Items of the dialect to JSON, made from docs/wire-v2-dialect.md alone."""
from context import Note, last_body, load
from decode import Limit, Syntax, quoted
from identifiers import Strings

COUNTERS = ("device_one_time_keys_count", "device_unused_fallback_key_types", "org.matrix.msc2732.device_unused_fallback_key_types")
KEY = object()


class Items(Strings):
    """Reads the items of a message."""

    def __init__(self, data, rows, context):
        super().__init__(data, rows, context)
        self.counters = {}

    def note(self):
        return Note(self.clock, self.count, self.room, self.event, self.counters)

    def item(self, depth=0, key=None):
        start = self.at
        major, n, info = self.head()
        if self.is_string(major, n, info):
            self.at = start
            s = self.string(key is KEY)
            if key == "body": self.body = s
            return quoted(s)
        if key in COUNTERS and (major, n) in ((6, 26), (7, 23)):
            if major == 7: text = (self.context.source or Note()).counters.get(key)
            else: text = self.counter()
            if text is None: raise Syntax
            self.counters[key] = text
            return text
        if key == "age" and (major, n) in ((6, 18), (7, 23)): return self.age(major)
        if (major, n) == (6, 18): return str(self.moment())
        if major == 6 and n in (24, 25):
            _, note = self.context.table.resolve(self.whole(()))
            return self.repeated(note.body if n == 24 else note.sorted)
        if (word := self.word(major, n, info)) is not None: return self.repeated(word)
        if major in (4, 5):
            if depth == 128: raise Limit
            out, i = [], 0
            while not self.ends(i, n):
                if major == 4: out.append(self.item(depth + 1))
                else:
                    name = self.name()
                    out.append(quoted(name) + ":" + self.item(depth + 1, name))
                i += 1
            return ("[%s]" if major == 4 else "{%s}") % ",".join(out)
        self.at = start
        return super().item(depth)

    def repeated(self, text):
        """A value that stands elsewhere."""
        if text is None: raise Syntax
        self.body = last_body(load(text), self.body)
        return text

    def name(self):
        """A key."""
        start = self.at
        major, n, _ = self.head()
        if major == 0:
            if n not in self.names: raise Syntax
            return self.names[n]
        if major == 1:
            if n >= len(self.rows.keys): raise Syntax
            return self.rows.keys[n]
        self.at = start
        return self.string(True)

    def age(self, major):
        if major == 6:
            n = self.whole(())
            if not 0 <= n < 10**15 or self.time is None: raise Syntax
            self.answered = self.time + n
        elif self.answered is None or self.answered < self.time: raise Syntax
        return str(self.answered - self.time)

    def counter(self):
        """A text that is remembered."""
        major, size, _ = self.head()
        if major != 4 or size is None or size > 23: raise Syntax
        out, strings = [], self.data[self.at:self.at + 1] == b"\xf6"
        if strings:
            self.take(1)
            out = [quoted(self.string()) for _ in range(size - 1)]
        else:
            if size % 2: raise Syntax
            for _ in range(size // 2):
                name, n = self.string(), self.whole(())
                if n < 0: raise Syntax
                out.append(f"{quoted(name)}:{n}")
        return ("[%s]" if strings else "{%s}") % ",".join(out)


def response(data, rows, context):
    """The JSON text of the content of a response behind its state, None for no body, and what it leaves behind."""
    r = Items(data, rows, context)
    if not data: return "{}", r.note()
    if data == b"\xf7": return None, r.note()
    text = r.item()
    if r.at < len(data): raise Syntax
    return text, r.note()
