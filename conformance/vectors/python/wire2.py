"""Payloads of version 2 in a session whose messages are all seen, made from docs/wire-v2.md alone."""
from dataclasses import dataclass

import coder
from coder import Damaged, WRAPPED
from context import Context, Note, Unknown
from decode import Reader, Syntax
from dialect import response
from idtable import Batch, Message, keep, named
from route import Request, request

STATE = ("ack", "dead", "number", "first", "top", "since", "asked")


def state(data):
    """What stands under the tag 22 in front of the content, and what follows."""
    if len(data) < 2 or data[0] != 0xd6 or data[1] >> 5 != 5: return {}, data
    r, said = Reader(data[1:], {}), {}
    _, n, _ = r.head()
    for _ in range(n or 0):
        key, value = r.whole(()), r.whole(())
        if not 0 <= key < len(STATE) or value < 0 or STATE[key] in said: raise Syntax
        said[STATE[key]] = value
    if not said: raise Syntax
    return said, r.data[r.at:]


def unwrap(payload, wrapped=False):
    """The flags of a payload, and the methods and bodies of its pieces."""
    if not payload: raise Damaged("no header")
    method, flags, rest = payload[0] & 3, payload[0] >> 2, payload[1:]
    if method != WRAPPED: return flags, [(method, rest)]
    if flags == 0 and rest == b"\1": raise Unknown
    if flags == 1 and not wrapped:
        n, rest = coder.length(rest)
        if n > len(rest) or any(rest[n:]): raise Damaged("padding")
        return unwrap(rest[:n], True)
    if flags != 2: raise Damaged(f"wrapped in {flags}")
    pieces = []
    while rest:
        n, rest = coder.length(rest)
        of_piece, piece = unwrap(rest[:n], True)
        if n > len(rest) or len(piece) > 1 or pieces and of_piece: raise Damaged("piece")
        if not pieces: flags = of_piece
        pieces, rest = pieces + piece, rest[n:]
    if not pieces: raise Damaged("no piece")
    return flags, pieces


@dataclass
class Known:
    """What the response to a request is coded against."""
    base: Batch  # in the server's table
    mine: Batch  # in the client's
    left: Note
    request: Request

    def prelude(self, status):
        return b"\1" + self.request.route.to_bytes(2, "big") + bytes([status // 100])


class Session:
    """What both ends of a session know after all messages that were fed to it."""

    def __init__(self, model, rows, home, entries):
        self.model, self.rows, self.home, self.size = model, rows, home, entries
        self.epoch()

    def epoch(self): self.client, self.server = {}, {}  # batches by their numbers

    def content(self, payload, prelude):
        """The content of a payload."""
        _, pieces = unwrap(payload)
        return b"".join(coder.decode(self.model, method, body, prelude if i == 0 else b"\2") for i, (method, body) in enumerate(pieces))

    def mine(self, payload):
        """The batch of the client's that a request names, None for none."""
        c = unwrap(payload)[0] >> 4
        return named(self.client, c - 1, 3) if c else None

    def prelude(self, payload):
        """That of a request: how its client writes is known by that batch, before anything is decoded."""
        mine = self.mine(payload)
        return bytes(4) + (mine.note if mine else Note()).style

    def message(self, base, own, other_base, other):
        return Message(self.size, base, list(own.values()), other_base, list(other.values()))

    def keep(self, message, said, batches, note):
        """Keeps what a message has inserted."""
        if bool(message.inserted) < ("number" in said or "first" in said): raise Syntax
        if batch := message.batch(said):
            batch.note = note
            keep(batches, batch)
        return batch

    def request(self, payload, content):
        """Reads a request: what it says, and what its response needs to know."""
        flags, _ = unwrap(payload)
        a, c = flags & 15, flags >> 4
        said, rest = state(content)
        if said.keys() & {"since", "asked"} or a and "ack" in said: raise Syntax
        base = named(self.server, a - 1, 15) if a else self.server.get(said.get("ack"))
        if said.get("ack") and not base or c and not base: raise Unknown("base")
        mine, note = self.mine(payload), base.note if base else Note()
        wrote = mine.note if mine else Note()
        m = self.message(mine, self.client, base, self.server)
        r, left = request(rest, self.rows, Context(self.home, m, note.clock, wrote.count, note.room, note.event, style=wrote.style))
        batch = self.keep(m, said, self.client, left)
        return r, Known(base, batch or mine, left, r)

    def response(self, payload, known, status):
        """Reads the response to a request: its content and its JSON text, None for no body."""
        if not payload: return b"", "{}"
        content = self.content(payload, known.prelude(status))
        if payload[0] >> 2 and payload[0] & 3 != WRAPPED: raise Syntax
        left, r = known.left, known.request
        context = Context(self.home, None, left.clock, 0, left.room, left.event, r.since, r.source)
        said, rest = state(content)
        return content, self.answer(said, rest, known.base, known.mine, context, r)

    def notification(self, payload, known, status):
        """Reads a notification in the observation of a request."""
        content = self.content(payload, known.prelude(status))
        flags, _ = unwrap(payload)
        if not flags: raise Syntax
        said, rest = state(content)
        base = named(self.server, flags - 1, 62) if flags < 63 else None
        if "asked" in said and said["asked"] not in self.client: raise Unknown("batch")
        mine, note = self.client.get(said.get("asked")), base.note if base else Note()
        context = Context(self.home, None, note.clock, 0, note.room, note.event)
        if "since" in said: context.since, context.source = self.message(base, self.server, mine, self.client).resolve(said["since"])
        return content, self.answer(said, rest, base, mine, context, known.request)

    def answer(self, said, rest, base, mine, context, r):
        context.table = m = self.message(base, self.server, mine, self.client)
        text, note = response(rest, self.rows, context)
        note.asked = r.asked
        self.keep(m, said, self.server, note)
        return text
