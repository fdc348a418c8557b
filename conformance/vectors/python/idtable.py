"""The tables of identifiers at both ends, made from docs/wire-v2.md and rules T1 to T7 of docs/decisions/0018 alone."""
from dataclasses import dataclass, field

from context import Note, Unknown
from decode import Syntax

EXCHANGE_LIFETIME = 247  # RFC 7252 section 4.8.2, in seconds


@dataclass
class Batch:
    number: int
    first: int
    texts: list
    note: Note = field(default_factory=Note)

    @property
    def end(self): return self.first + len(self.texts)


def named(batches, residue, modulus):
    """The batch among the last ones whose number has this residue (rule T6)."""
    newest = max(batches, default=0)
    for n in range(newest, max(0, newest - modulus), -1):
        if n % modulus == residue and n in batches: return batches[n]
    raise Unknown("base")


def end(batch): return batch.end if batch else 0


class Message:
    """What a message may refer to, and what it inserts: own and other are lists of batches."""

    def __init__(self, size, base, own, other_base, other):
        self.size, self.base, self.own, self.other_base, self.other, self.inserted = size, base, own, other_base, other, []

    def resolve(self, r):
        """The text and the note of a reference."""
        if r < 0: return self.entry(self.other, end(self.other_base) + r, -1 - r)
        n = len(self.inserted)
        if r < n: return self.inserted[-1 - r], Note()
        return self.entry(self.own, end(self.base) - 1 - r + n, r)

    def entry(self, batches, index, behind):
        for b in batches:
            if b.first <= index < b.end and behind < self.size: return b.texts[index - b.first], b.note
        raise Unknown("reference")

    def insert(self, text):
        if not 1 <= len(text.encode("utf-8", "surrogatepass")) <= 255 or len(self.inserted) >= self.size // 4: raise Syntax
        self.inserted.append(text)

    def reference(self, text):
        """The reference that means a text, None if there is none."""
        found = [len(self.inserted) - 1 - i for i, t in enumerate(self.inserted) if t == text]
        found += [end(self.base) - 1 - b.first - i + len(self.inserted) for b in self.own for i, t in enumerate(b.texts) if t == text]
        found = [r for r in found if r < self.size]
        if found: return min(found)
        found = [b.first + i - end(self.other_base) for b in self.other for i, t in enumerate(b.texts) if t == text]
        return max((r for r in found if r < 0 and -1 - r < self.size), default=None)

    def write(self, texts, may_insert, flying):
        """The items of texts; a text that is under way already is not inserted again."""
        items = []
        for text in texts:
            r = self.reference(text)
            if r is not None: items.append({"text": text, "ref": r})
            elif may_insert and len(self.inserted) < self.size // 4 and text not in flying:
                self.insert(text)
                items.append({"text": text, "insert": True})
            else: items.append({"text": text})
        return items

    def batch(self, said):
        """The batch that a message with this state has inserted, None for none."""
        if not self.inserted: return None
        number, first = said.get("number", 0), said.get("first", 0)
        if self.base: number, first = number + self.base.number + 1, first + self.base.end
        return Batch(number, first, self.inserted)


class Sender:
    """The table of whoever inserts: numbers and indices are never used twice (rule T1)."""

    def __init__(self, start=0): self.last, self.next, self.batches, self.held, self.dead = start, start, {}, set(), set()

    def flying(self): return {t for b in self.batches.values() if b.number not in self.held | self.dead for t in b.texts}

    def take(self, message, state):
        """Makes a batch of what a message has inserted, and says so in its state."""
        if not message.inserted: return None
        self.last, first = self.last + 1, self.next
        batch = self.batches[self.last] = Batch(self.last, first, message.inserted)
        self.next = batch.end
        base = message.base
        state["number"] = batch.number - (base.number + 1 if base else 0)
        state["first"] = first - end(base)
        return batch


def keep(batches, batch):
    """Keeps a batch that came."""
    old = batches.setdefault(batch.number, batch)
    if (old.first, old.texts) != (batch.first, batch.texts): raise Syntax("a second content of one number")


@dataclass
class Asked:
    """A request at the client. until: when it cannot arrive any more, None for now not known."""
    a: Batch
    c: Batch
    batch: Batch
    ack: bool
    dead: set
    epoch: int
    arrives: float = float("inf")


class Client:
    def __init__(self, size): self.size, self.now, self.own, self.requests, self.epoch, self.quiet = size, 0, Sender(), {}, 0, 0; self.empty()

    def empty(self):
        self.theirs, self.floor, self.named, self.dead, self.told = {}, None, False, set(), set()

    def under_way(self): return [r for r in self.requests.values() if r.arrives > self.now]

    def base(self):
        """The newest batch up to which the client holds all that is not dead (rules T4 and T6)."""
        if self.floor is None or self.now < self.quiet: return None
        if not self.named: return self.theirs[self.floor]
        limit = min((r.a.number + 7 for r in self.under_way() if r.a), default=1 << 64)
        n = found = self.floor
        while n < limit:
            n += 1
            if n in self.theirs: found = n
            elif n not in self.dead:
                if sum(m > n for m in self.theirs) < 3: break
                self.dead.add(n)
        return self.theirs[found]

    def ask(self, id, texts):
        state, a = {}, self.base()
        c = self.own.batches[max(self.own.held)] if a and self.own.held else None
        if a and not self.named: state["ack"] = a.number
        elif a: state["a"] = 1 + a.number % 15
        if c: state["c"] = 1 + c.number % 3
        dead = {n for n in self.dead - self.told if a and n < a.number}
        if dead: state["dead"] = sum(1 << a.number - 1 - n for n in dead)
        oldest = min([r.c.number for r in self.under_way() if r.c] + ([c.number] if c else []), default=None)
        m = Message(self.size, c, [self.own.batches[n] for n in self.own.held if c], a, [b for b in self.theirs.values() if a and b.number <= a.number])
        items = m.write(texts, oldest is None or self.own.last + 1 <= oldest + 2, self.own.flying())
        self.requests[id] = Asked(a, c, self.own.take(m, state), "ack" in state, dead, self.epoch)
        return items, state

    def answered(self, id, inserted):
        """Its response came: the request was read (rule T3)."""
        r = self.requests[id]
        r.arrives = 0
        if r.epoch != self.epoch: return
        self.named |= r.ack
        self.told |= r.dead
        first = self.floor is None and inserted
        if first: self.floor = inserted.number
        if not r.batch: return
        (self.own.dead if self.floor is None else self.own.held).add(r.batch.number)

    def message(self, base, asked, batch):
        mine = list(self.own.batches.values())
        return Message(self.size, base, list(self.theirs.values()), batch or asked, mine)

    def take(self, id, items, said):
        r = self.requests[id]
        m = self.message(r.a, r.c, r.batch)
        read(m, items)
        batch = m.batch(said)
        if batch and r.epoch == self.epoch and batch.number not in self.dead: keep(self.theirs, batch)
        self.answered(id, batch)

    def deliver(self, to, items, said):
        base = named(self.theirs, said["a"] - 1, 62) if said.get("a") else None
        if "asked" in said and said["asked"] not in self.own.batches: raise Unknown("batch")
        m = self.message(base, self.own.batches.get(said.get("asked")), None)
        read(m, items)
        batch = m.batch(said)
        if batch and batch.number not in self.dead: keep(self.theirs, batch)

    def arrived(self, id): self.requests[id].arrives = 0

    def give_up(self, id, seconds):
        r = self.requests[id]
        r.arrives = self.now + seconds
        self.lost(r)

    def refused(self, id):
        self.requests[id].arrives = 0
        self.lost(self.requests[id])

    def lost(self, r):
        if r.batch: self.own.dead.add(r.batch.number)

    def reset(self, id):
        """The server does not know what a request refers to: an epoch begins (rule T7)."""
        self.epoch, self.quiet = self.epoch + 1, self.now + EXCHANGE_LIFETIME
        self.requests[id].arrives = 0
        self.empty()
        self.own.held, self.own.dead = set(), set(self.own.batches)


@dataclass
class Call:
    """A request at the server, with what its names meant when it came."""
    a: Batch = None
    c: Batch = None
    error: Exception = None
    batch: Batch = None
    held: list = field(default_factory=list)


class Server:
    def __init__(self, size, start=0):
        self.size, self.own, self.theirs, self.calls = size, Sender(start), {}, {}
        self.floor, self.greatest, self.doubt = None, start, False

    def admit(self, id, said):
        call = self.calls[id] = Call()
        try:
            if said.get("ack"):
                if said["ack"] not in self.own.batches: raise Unknown("ack")
                call.a = self.own.batches[said["ack"]]
            elif said.get("a"):
                if self.floor is None: raise Unknown("no ack yet")
                call.a = named(self.own.batches, said["a"] - 1, 15)
            if said.get("c"):
                if not call.a: raise Unknown("C without A")
                call.c = named(self.theirs, said["c"] - 1, 3)
        except Unknown as e: call.error = e

    def read(self, id, items, said):
        if id not in self.calls: self.admit(id, said)
        call = self.calls[id]
        if call.error: raise call.error
        held = self.holds(call.a, said)
        m = Message(self.size, call.c, [b for b in self.theirs.values() if call.c and b.number <= call.c.number], call.a, held)
        read(m, items)
        call.batch = m.batch(said)
        if call.batch: keep(self.theirs, call.batch)
        call.held, self.doubt = held, False
        if not call.a: return
        if said.get("ack"): self.floor = max(self.floor or 0, call.a.number)
        self.greatest = max(self.greatest, call.a.number)
        self.own.held |= {b.number for b in held}
        self.own.dead |= {n for n in self.own.batches if n <= call.a.number} - self.own.held

    def holds(self, a, said):
        """The batches that the client holds, as this request says."""
        if not a: return []
        if said.get("ack"): return [a]
        dead = {a.number - 1 - i for i in range(64) if said.get("dead", 0) >> i & 1}
        return [b for b in self.own.batches.values() if self.floor <= b.number <= a.number and b.number not in self.own.dead | dead]

    def answer(self, id, texts):
        call, state = self.calls[id], {}
        mine = call.batch or call.c
        m = Message(self.size, call.a, call.held, mine, [b for b in self.theirs.values() if mine and b.number <= mine.number])
        items = m.write(texts, self.own.last + 1 <= self.greatest + 7, self.own.flying())
        self.own.take(m, state)
        return items, state

    def notify(self, id, texts):
        state, call = {}, Call()
        self.calls[id] = call
        if self.own.held and not self.doubt: call.a = self.own.batches[max(self.own.held)]
        mine = self.theirs[max(self.theirs)] if self.theirs and call.a else None
        m = Message(self.size, call.a, [self.own.batches[n] for n in self.own.held if call.a], mine, [b for b in self.theirs.values() if mine])
        room = call.a and self.own.last + 1 <= min(self.greatest + 7, call.a.number + 61)
        items = m.write(texts, room, self.own.flying())
        if call.a: state["a"] = 1 + call.a.number % 62
        if any(i.get("ref", 0) < 0 for i in items): state["asked"] = mine.number
        call.batch = self.own.take(m, state)
        return items, state

    def done(self, id):
        if self.calls[id].batch: self.own.held.add(self.calls[id].batch.number)

    def rejected(self, id): self.doubt = True


def read(message, items):
    """Reads the items of a message, and holds what is referred to against the text that is meant."""
    for item in items:
        if item.get("insert"): message.insert(item["text"])
        elif "ref" in item:
            text, _ = message.resolve(item["ref"])
            if text != item["text"]: raise Syntax(f"{item['ref']} is {text!r}, not {item['text']!r}")
