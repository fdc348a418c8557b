"""Plays the examples of docs/wire-v2.md and docs/wire-v2-dialect.md: whoever reads them by hand must get what they say."""
import re

import coap, dialect, mixing, route, wire2
from coder import Damaged
from context import Context, Unknown
from decode import Limit, Syntax
from exchange import Wrong, check, status

REQUEST = re.compile(r"(GET|PUT|POST) (/\S*)(?:\n(.*))?")


def play(world, name):
    """The examples of a document, and what is wrong with each."""
    text = open(name, encoding="utf-8").read()
    found = list(of_dialect(text, world.rows)) if "dialect" in name else list(Exchanges(world.model, world.rows).play(text))
    if not found: yield "examples", "there are none"
    yield from found


def attempt(f, *args):
    """What is wrong, or None."""
    try: f(*args)
    except (Wrong, Damaged, Unknown, Syntax, Limit, ValueError, TypeError, AttributeError) as e: return f"{type(e).__name__} {e}"


def of_dialect(text, rows):
    """The items of docs/wire-v2-dialect.md."""
    for said, digits in re.findall(r"((?:^    .*\n)+)\n```hex\n((?:.*\n)*?)```$", text, re.M):
        said = re.sub("^    ", "", said, flags=re.M).strip()
        data = bytes.fromhex("".join(re.split("  +", line)[0] for line in digits.splitlines()))
        yield said, attempt(item, said, data, rows)


def item(said, data, rows):
    if m := REQUEST.fullmatch(said):
        r, _ = route.request(data, rows, Context("example.org"))
        check("request", (r.method, r.target, r.body), m.groups())
    else: check("text", dialect.response(data, rows, Context("example.org"))[0], said)


def shown(lines):
    """The bytes of the third column, None where some are not shown."""
    if any("not shown" in line for line in lines): return None
    digits = [line[16:48].strip() for line in lines if re.fullmatch("[0-9a-f ]{16}[0-9a-f]+", re.sub("[.]", "0", line)[:48].rstrip())]
    return bytes.fromhex("".join(digits))


class Exchanges:
    """The session of docs/wire-v2.md."""

    def __init__(self, model, rows):
        self.model, self.session = model, wire2.Session(model, rows, "example.org", 1024)

    def play(self, text):
        for name, block in re.findall(r"<!-- exchange: (.*?) -->\n```\n(.*?)```", text, re.S):
            yield name, attempt(self.exchange, name, block)
        self.session = wire2.Session(self.model, self.session.rows, "example.org", 1024)
        whole = text.split("<!-- begin: whole messages -->")[1]
        for part in re.findall("```\n(.*?)```", whole, re.S)[1:]:  # the first is of version 1
            yield part.split("\n")[0], attempt(self.datagrams, part)

    def exchange(self, name, block):
        said = REQUEST.match(block)
        parts = re.split(r"^(request|response|notification|the same again), \d+ bytes: ?([0-9a-f]*)\n|^(response) 4.00: (0301)\n", block, flags=re.M)
        answer = None
        for i in range(0, len(parts) - 1, 5):
            kind, digits, rest = parts[i + 1] or parts[i + 3], parts[i + 2] or parts[i + 4] or "", parts[i + 5]
            before = parts[i]
            if m := re.search(r"^(\d{3}) (.*)\n\n\Z", before, re.M): answer = int(m[1]), m[2]
            payload = bytes.fromhex(digits)
            if payload == b"\3\1": self.session.epoch()
            elif kind in ("request", "the same again"):
                prelude = self.session.prelude(payload)
                content = self.session.content(payload, prelude)
                self.compare(name, payload, content, prelude, rest)
                r, self.known = self.session.request(payload, content)
                check(name, (r.method, r.target, r.body), (said[1], said[2], said[3] or None))
                if r.route == 0: self.observed = self.known
            elif kind == "response":
                content, got = self.session.response(payload, self.known, answer[0])
                check(name, got, answer[1])
                self.compare(name, payload, content, self.known.prelude(answer[0]), rest)
            else:
                content, got = self.session.notification(payload, self.observed, 200)
                self.compare(name, payload, content, self.observed.prelude(200), rest)

    def compare(self, name, payload, content, prelude, lines):
        """The columns of an example, and that there is no other code."""
        column = shown(re.split(r"\n\n", lines)[0].splitlines())
        if column and payload: check(name, column.hex(), (payload[:1] + content).hex())
        if payload and payload[0] & 3 == 2 and len(content) < 40:
            check(name, mixing.encode(self.model, prelude, content).hex(), payload[1:].hex())

    def datagrams(self, part):
        """An exchange as datagrams without DTLS."""
        said, request, answer, response = re.fullmatch(r"(.*?)\n\nmessage: (\w+)\n.*?\n\n(\d{3} .*?)\n\nmessage: (\w+)\n.*", part, re.S).groups()
        m = coap.parse(bytes.fromhex(request))
        r, known = self.session.request(m.payload, self.session.content(m.payload, self.session.prelude(m.payload)))
        check("request", (r.method, r.target, r.body), REQUEST.fullmatch(said).groups())
        m = coap.parse(bytes.fromhex(response))
        check("response", f"{status(m)} {self.session.response(m.payload, known, status(m))[1]}", answer)
