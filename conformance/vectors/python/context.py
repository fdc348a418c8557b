"""What a message of version 2 is coded against, and what it leaves behind (docs/wire-v2.md, docs/wire-v2-dialect.md)."""
import json
from dataclasses import dataclass, field

from decode import quoted
from encode import Num, Pairs


class Unknown(Exception): pass  # a base or a reference that the reader does not have


@dataclass
class Note:
    """What a message leaves behind."""
    clock: int = None
    count: int = 0
    room: str = None
    event: str = None
    counters: dict = field(default_factory=dict)  # texts by their keys
    asked: tuple = None  # of a sync: the query and the body
    body: str = None
    sorted: str = None
    style: bytes = b"\0\0"


class Nothing:
    """The references of a message that has none."""
    def resolve(self, reference): raise Unknown(reference)
    def insert(self, text): raise Unknown("no tables")


@dataclass
class Context:
    home: str
    table: object = field(default_factory=Nothing)  # resolve(reference): its string and its note; insert(string)
    clock: int = None
    count: int = 0
    room: str = None
    event: str = None
    since: str = None  # of a response, and of a notification: the place from which its request went on
    source: Note = None  # the note of that place
    style: bytes = b"\0\0"  # how the client wrote: the form, and the kind of its last transaction ID


def load(text):
    """The value of a JSON text, with its numbers as they are and its members in order."""
    return json.loads(text, object_pairs_hook=Pairs, parse_int=Num, parse_float=Num)


def dump(v):
    if isinstance(v, Num): return str(v)
    if isinstance(v, str): return quoted(v)
    if isinstance(v, Pairs): return "{" + ",".join(quoted(k) + ":" + dump(x) for k, x in v) + "}"
    if isinstance(v, list): return "[" + ",".join(map(dump, v)) + "]"
    return json.dumps(v)


def in_order(text):
    """The text with the members of each object sorted, None where that cannot be told from it."""
    escaped = False

    def walk(v):
        nonlocal escaped
        if isinstance(v, Pairs):
            escaped = escaped or any(quoted(k) != f'"{k}"' for k, _ in v)
            return Pairs(sorted(((k, walk(x)) for k, x in v), key=lambda m: m[0].encode("utf-8", "surrogatepass")))
        return [walk(x) for x in v] if isinstance(v, list) else v

    out = dump(walk(load(text)))
    return None if escaped or out == text else out


def last_body(v, found=None):
    """The string that is the value of the last member body of a value, or what was found before."""
    if isinstance(v, Pairs):
        for k, x in v: found = x if k == "body" and isinstance(x, str) and not isinstance(x, Num) else last_body(x, found)
    elif isinstance(v, list):
        for x in v: found = last_body(x, found)
    return found
