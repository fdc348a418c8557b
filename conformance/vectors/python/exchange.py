"""Plays the rows of version2.json: what the messages of a session say, read by whoever sees them all."""
import re

import coap, mixing, paths, wire2
from coder import Damaged
from context import Unknown
from decode import Limit, Syntax, to_json

STEP = {"at", "request", "response", "method", "target", "status", "headers", "token", "json", "body", "same",
        "message", "reads", "content", "lost", "wait"}
METHODS = {"0.01": "GET", "0.02": "POST", "0.03": "PUT", "0.04": "DELETE"}
CBOR = b"\x3c"  # Content-Format 60


class Wrong(Exception): pass


def check(what, got, want):
    if got != want: raise Wrong(f"{what}: {got!r} instead of {want!r}")


def status(message):
    """The HTTP status that a response says."""
    if own := message.values(264): return int.from_bytes(own[0], "big")
    return 200 if message.code == "2.05" else int(message.code.replace(".", ""))


def body(step): return step.get("json", step.get("body"))


class Play:
    def __init__(self, row, world):
        self.row, self.world, self.session = row, world, None
        self.ours = {end for end in ("client", "server") if row[end] == "coapgw"}
        self.offers, self.known, self.refused = {}, {}, {}  # by tokens
        self.confirmable = {}  # tokens by ends and message IDs
        self.read = self.answer = None  # what the last request and the last response on the link say
        self.of_version_2 = self.ended = False  # whether the last request is; whether an observation has ended with something too long

    def run(self):
        for i, s in enumerate(self.row["steps"]):
            if s.keys() - STEP: raise Wrong(f"unknown members {s.keys() - STEP}")
            try: self.step(s)
            except (Wrong, Damaged, Unknown, Syntax, Limit, ValueError, AttributeError, IndexError) as e:
                raise Wrong(f"step {i + 1}: {type(e).__name__} {e}")
        for error in self.refused.values(): raise Wrong(f"a request cannot be read, and nobody says so: {error!r}")

    def step(self, s):
        pushed = self.row.get("push") and len(self.ours) == 2  # then neither end does what the other one is told
        if "message" in s:
            m = coap.parse(bytes.fromhex(s["message"]))
            check("words", m.words(), s["reads"])
            self.layer(m, s["at"])
            (self.from_client if s["at"] == "client" else self.from_server)(m, s)
        elif s.get("same") or "wait" in s: return
        elif "request" in s and s["at"] == "client": self.asked = s
        elif "request" in s:
            if not pushed: check("request", self.read, (s["method"], s["target"], body(s)))
        elif s["at"] == "server": self.given = s
        elif isinstance(self.answer, Exception): check("status", s["status"], 502)
        elif self.answer and not pushed: check("response", self.answer, (s["status"], body(s)))

    def layer(self, m, end):
        """An acknowledgement belongs to a message of the other end, and to its token if it is more."""
        if m.type == "CON": self.confirmable[end, m.id] = m.token
        elif (token := self.confirmable.get(({"client": "server", "server": "client"}[end], m.id))) is None: raise Wrong("no such message")
        elif m.code != "0.00": check("token", m.token, token)

    # From the client

    def from_client(self, m, s):
        if m.code == "0.00": return
        if offer := m.values(272):
            self.offers[m.token] = offer[0]
            if "client" in self.ours: check("offer", offer[0][1:], self.world.format)
        self.read = None
        self.of_version_2 = m.code in ("0.02", "0.03", "0.05") and m.payload and not m.values(11) and not m.values(263)
        if self.of_version_2 and self.session: return self.request(m, s)
        self.known.pop(m.token, None)
        form = int.from_bytes(m.values(262)[0], "big") ^ 64 if m.values(262) else 0
        segments, args = ([v.decode() for v in m.values(n)] for n in (11, 15))
        if m.code not in METHODS or not segments: return
        self.read = METHODS[m.code], paths.expand(segments, args, form, self.world.paths), m.payload.decode() if m.payload else None
        if "client" in self.ours: check("request of version 1", self.read, (self.asked["method"], self.asked["target"], body(self.asked)))

    def request(self, m, s):
        """A request of version 2, which is kept as refused if it cannot be read."""
        try:
            prelude = self.session.prelude(m.payload)
            content = self.session.content(m.payload, prelude)
        except (Damaged, Unknown, Syntax) as e:
            if "content" in s: raise
            self.refused[m.token] = e
            return
        self.compare(m, content, s, prelude)
        try: r, self.known[m.token] = self.session.request(m.payload, content)
        except (Syntax, Limit, Unknown) as e:
            self.refused[m.token] = e
            return
        self.read = r.method, r.target, r.body
        if "client" not in self.ours: return
        target = self.asked["target"]
        if m.values(6) or self.ended: target = re.sub("timeout=[0-9]+", "timeout=0", target)  # docs/push.md
        check("request", self.read, (self.asked["method"], target, body(self.asked)))

    def compare(self, m, content, s, prelude):
        """What a payload holds, and that no other code of ours holds it."""
        check("content", content.hex(), s.get("content", ""))
        if m.payload and m.payload[0] & 3 == 2:
            check("code", mixing.encode(self.world.model, prelude, content).hex(), m.payload[1:].hex())

    # From the server

    def from_server(self, m, s):
        if m.code == "0.00": return
        judged, control, format = "server" in self.ours, m.values(268), m.values(12)
        self.answer = None
        if self.offers.get(m.token) is not None: self.agree(m, self.offers.pop(m.token))
        if error := self.refused.pop(m.token, None):
            unknown = m.code == "4.00" and m.payload == b"\3\1"
            if isinstance(error, Unknown) != unknown or not unknown and control != [b"\6"]: raise error
            return
        known = self.known.get(m.token)
        self.ended = control == [b"\7"]
        if self.of_version_2 and not self.session: check("Control", control, [b"\5"])
        if control == [b"\5"]:
            if judged and self.session: raise Wrong("there is a format")
            self.session = None
        elif known and m.payload == b"\3\1" and not judged: self.session.epoch()
        elif control: return
        elif format or not known and not m.values(266):
            if m.code == "2.03": return
            text = to_json(m.payload, self.world.rows.names) if format == [CBOR] else m.payload.decode() if m.payload else None
            self.answer = status(m), text
        elif m.code not in ("2.03", "4.02", "4.08"):
            try: content, text = self.response(m, known)
            except (Damaged, Syntax, Limit, Unknown) as e:
                if judged or "content" in s: raise
                self.answer = e
                return
            self.compare(m, content, s, known.prelude(status(m)))
            self.answer = status(m), text
        if judged and self.answer: check("response", self.answer, (self.given["status"], body(self.given)))

    def response(self, m, known):
        f = self.session.notification if m.type == "CON" and m.values(6) else self.session.response
        return f(m.payload, known, status(m))

    def agree(self, m, offer):
        """What an answer to an offer says."""
        formats = [offer[i:i + 4] for i in range(1, len(offer), 4)]
        if "server" in self.ours and m.values(260):
            check("a format in common", bool((m.values(272) or [b""])[0]), len(offer) % 4 == 1 and self.world.format in formats)
        if not m.values(272) or not m.values(272)[0]: return
        answer = m.values(272)[0]
        said, chosen, home = answer[0], answer[1:5], answer[5:].decode()
        if "server" in self.ours: check("what was chosen", (said & 0xf0, chosen), (0, self.world.format))
        if chosen != self.world.format or chosen not in formats: return
        check("tables", said & 15, min(said & 15, offer[0] & 15))
        check("home server", home, self.row["home"])
        self.session = wire2.Session(self.world.model, self.world.rows, home, 1 << (said & 15) if said & 15 else 0)
