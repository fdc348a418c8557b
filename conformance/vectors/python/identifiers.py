"""String items of the dialect, made from docs/wire-v2-dialect.md alone."""
import base64, re, uuid

from context import load
from decode import Reader, Syntax, wtf8

STRING_TAGS = {0, 1, *range(5, 18), 19, 20, 22, 23, 27, 28, 273}
BREAKS = re.compile("[*_`~\\[\\]()<>#&\"'|\\\\\n\r\t]")


def urlsafe(b): return base64.urlsafe_b64encode(b).decode().rstrip("=")
def standard(b): return base64.b64encode(b).decode().rstrip("=")


def token(text):
    """The letter, the numbers and what stands between them of a token, None if it is none."""
    number = "(?:0|[1-9][0-9]{0,14})"
    if not re.fullmatch(f"[st]{number}(?:[_-]{number}){{0,22}}", text or ""): return None
    return text[0], [int(n) for n in re.findall("[0-9]+", text)], re.findall("[_-]", text)


class Strings(Reader):
    """Reads string items, and gathers what they leave behind."""

    def __init__(self, data, rows, context):
        super().__init__(data, rows.names)
        self.rows, self.context, self.home = rows, context, context.home
        self.time, self.count = context.clock, context.count
        self.room, self.event, self.clock = context.room, context.event, context.clock
        self.answered = self.body = None
        self.tokens, self.position = {}, 0
        n, slash, numbers = (context.since or "").partition("/")
        if slash and n.isdigit() and token(numbers): self.position, self.tokens["s"] = int(n), token(numbers)[1:]
        elif t := token(context.since): self.tokens[t[0]] = t[1:]

    def word(self, major, n, info):
        """The JSON text of a word, None for another item."""
        if major == 7 and info < 25 and n is not None:
            if n < 19: return self.rows.words[n]
            if n >= 32: return self.rows.words[n - 13]
        if (major, n) == (6, 21):
            major, n, _ = self.head()
            if major or 243 + n >= len(self.rows.words): raise Syntax
            return self.rows.words[243 + n]
        return None

    def is_string(self, major, n, info):
        if major in (2, 3) or major == 6 and n in STRING_TAGS or major == 7 and info < 25 and n == 19: return True
        at = self.at
        word = self.word(major, n, info)
        self.at = at
        return word is not None and word[0] == '"'

    def string(self, key=False):
        """A string item."""
        major, n, info = self.head()
        if major == 3: return self.text(n)
        if major == 2: return "$" + urlsafe(self.take_bytes(n))
        if major == 7 and info < 25 and n == 19: return self.home
        word = self.word(major, n, info)
        if word is not None and word[0] == '"': return load(word)
        if major == 6 and n in STRING_TAGS: return self.tagged_string(n, key)
        raise Syntax

    def take_bytes(self, n):
        if n is None: raise Syntax
        return self.take(n)

    def opaque(self, form=urlsafe):
        major, n, _ = self.head()
        if major == 3: return self.text(n)
        if major == 2: return form(self.take_bytes(n))
        raise Syntax

    def plain(self):
        major, n, _ = self.head()
        if major != 3: raise Syntax
        return self.text(n)

    def tagged_string(self, tag, key):
        if tag == 0: return f"@{self.plain()}:{self.home}"
        if tag == 1:
            alone = self.data[self.at:self.at + 2] == b"\x58\x20"
            return "!" + self.opaque() + ("" if alone else ":" + self.home)
        if tag == 5: return f"#{self.plain()}:{self.home}"
        if tag == 6:
            if self.data[self.at:self.at + 1] >= b"\x60": return f"${self.plain()}:{self.home}"
            return "$" + standard(self.octets())
        if tag == 7: return f"mxc://{self.home}/{self.opaque()}"
        if tag == 8: return standard(self.octets())
        if tag in (9, 10, 11): return ("ed25519:", "curve25519:", "signed_curve25519:")[tag - 9] + self.key_id()
        if tag == 12: return self.octets().hex()
        if tag == 13: return self.uuid()
        if tag == 14: return self.digits()
        if tag in (15, 16): return self.token("st"[tag - 15])
        if tag == 17: return self.transaction()
        if tag == 19: return urlsafe(self.octets())
        if tag == 20: return base64.b64encode(self.octets()).decode()
        if tag == 22: return self.inserted(key)
        if tag == 23: return self.reference(key)
        if tag == 27: return self.place()
        if tag == 28: return self.marked()
        return wtf8(self.octets())

    def uuid(self):
        b = self.octets()
        if len(b) != 16: raise Syntax
        return str(uuid.UUID(bytes=b))

    def key_id(self):
        major, n, _ = self.head()
        if major == 3: return self.text(n)
        if major == 2: return standard(self.take_bytes(n))
        if major or n & 3 == 3: raise Syntax
        size = (4, 7, 8)[n & 3]
        if n >> 2 >= 1 << 8 * size: raise Syntax
        return standard((n >> 2).to_bytes(size, "big"))

    def digits(self):
        n = self.whole(())
        if n >= 0: return str(n)
        since = self.context.since or ""  # near which it is
        if not re.fullmatch("[1-9][0-9]{0,14}", since) or int(since) < 256: raise Syntax
        d = (-1 - n) // 2 if n & 1 else n // 2
        if not -1 << 15 < d < 1 << 15: raise Syntax
        return str(int(since) + d)

    def numbers(self, least=1, most=23):
        major, n, _ = self.head()
        if major != 4 or n is None or not least <= n <= most: raise Syntax
        return [self.whole(()) for _ in range(n)]

    def token(self, letter):
        numbers = self.numbers()
        base = self.tokens.get(letter)
        if base and len(base[0]) != len(numbers): base = None
        if not base and letter == "t" and len(numbers) > 2 and "s" in self.tokens:
            s = self.tokens["s"]
            if len(s[0]) == len(numbers) - 1: base = [0] + s[0], ["-"] + s[1]
        if base: values, between = [n + b for n, b in zip(numbers, base[0])], base[1]
        else: values, between = [n if n >= 0 else -1 - n for n in numbers], ["_" if n >= 0 else "-" for n in numbers]
        if not base and between.pop() == "-" or not all(0 <= n < 10**15 for n in values): raise Syntax
        self.tokens[letter] = values, between
        return letter + str(values[0]) + "".join(f"{b}{n}" for b, n in zip(between, values[1:]))

    def place(self):
        major, n, _ = self.head()
        if (major, n) != (4, 2): raise Syntax
        self.position += self.whole(())
        if not 0 <= self.position < 10**15: raise Syntax
        position = self.position
        return f"{position}/{self.token('s')}"

    def moment(self):
        """A time."""
        n = self.whole(())
        if not 10**12 <= n < 10**13:
            if self.time is None or abs(n) >= 1 << 32: raise Syntax
            n += self.time
            if not 10**12 <= n < 10**13: raise Syntax
        self.time = n
        self.clock = max(n, self.clock or 0)
        return n

    def transaction(self):
        major, size, _ = self.head()
        if major != 4: raise Syntax
        pattern = self.whole(())
        if size != (2 if pattern > 5 else 4 if pattern in (1, 5) else 3) or not 0 <= pattern < 20 or pattern == 7: raise Syntax
        if pattern > 5: return self.lot(pattern)
        ms = self.moment()
        n = self.context.count + self.whole(())
        if not 0 <= n < 10**15: raise Syntax
        self.count = n
        extra = self.nanoseconds() if pattern == 1 else self.plain() if pattern == 5 else ""
        return (f"m{ms}.{n}", f"mautrix-go_{ms}{extra}_{n}", f"{ms}__inc{n}", f"m{ms}{n}", f"mautrix-python_R{n}@T{ms}",
                f"{extra}-{n}-{ms}")[pattern]

    def nanoseconds(self):
        """The six digits beyond the milliseconds."""
        b = self.octets()
        if len(b) != 3 or (n := int.from_bytes(b, "big")) >= 10**6: raise Syntax
        return f"{n:06d}"

    def lot(self, pattern):
        """A transaction ID that was drawn by lot."""
        b = self.octets()
        if len(b) != (7 if pattern == 6 else 15): raise Syntax
        if pattern == 6: return "t" + b.hex()
        # The version and the variant are known, and the pattern has what stands beside the variant.
        u = uuid.UUID(bytes=b[:6] + bytes([0x40 | b[6] >> 4, b[7], 0x80 | (pattern & 3) << 4 | b[6] & 15]) + b[8:])
        return (str(u), u.hex, f"$local.{u}")[(pattern >> 2) - 2]

    def marked(self):
        """A text that repeats the body."""
        body = self.body or ""
        try:
            if len(body.encode()) > 4096: body = ""
        except UnicodeEncodeError: body = ""
        if not body: raise Syntax
        runs = [r for r in (piece.strip(" ") for piece in BREAKS.split(body)) if r]
        out, again = [], None
        for c in self.plain():
            if c == "\0": raise Syntax
            if c in "\x01\x02":
                if not runs: raise Syntax
                run = runs.pop(0)
                again = run if c == "\x01" else None
                if again: out.append(run)
            elif c == "\x03":
                if again is None: raise Syntax
                out.append(again)
                again = None
            elif c == "\x04": out.append(self.home)
            else: out.append(c)
        return "".join(out)

    # The context

    def spoken(self, s, key):
        if s.startswith("!"): self.room = s
        if s.startswith("$") and not key: self.event = s
        return s

    def inserted(self, key):
        if self.data[self.at:self.at + 1] == b"\xd6": raise Syntax
        s = self.string(key)
        self.context.table.insert(s)
        return self.spoken(s, key)

    def reference(self, key):
        major, n, info = self.head()
        if major == 7 and info in (22, 23): s = self.context.room if info == 22 else self.context.event
        elif major < 2: s, _ = self.context.table.resolve(n if major == 0 else -1 - n)
        else: raise Syntax
        if s is None: raise Syntax
        return self.spoken(s, key)
