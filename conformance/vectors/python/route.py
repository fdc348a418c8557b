"""Requests of the dialect, made from docs/wire-v2-dialect.md alone."""
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from context import in_order
from decode import Syntax
from dialect import Items
from paths import PATH_STYLES, QUERY_STYLES, Error, escape, shorten

SYNC = re.compile(r"/_matrix/client/.*/sync\Z")
SEND = re.compile(r"PUT .*/send/{eventType}/{txnId}\Z")
PLACE = {"GET": "since=", "POST": "pos="}  # the argument from which a sync goes on
EMPTY_BODY = ("PUT", "POST", "PATCH")


@dataclass
class Request:
    method: str
    target: str
    body: str  # a JSON text, None for none
    since: str = None  # the place from which a sync goes on
    source: object = None  # the note of that
    asked: tuple = None  # of a sync
    route: int = 65535


class RequestItems(Items):
    def read(self):
        """The request, and what it leaves behind."""
        form, route = 0, 65535
        major, n, _ = self.head()
        if major == 1:
            form = n + 1
            if form > 63: raise Syntax
            major, n, _ = self.head()
        path_style, self.query_style = PATH_STYLES[form & 7], QUERY_STYLES[form >> 3]
        self.style = self.context.style
        if major == 0:
            if n >= len(self.rows.routes): raise Syntax
            route = n
            method, row = self.rows.routes[n].split(" ")
            path = "/".join(escape(self.parameter(s, form), path_style) if s[:1] == "{" else s for s in row.split("/"))
        elif major == 3:
            method, space, path = self.text(n).partition(" ")
            if not space or not re.fullmatch("[A-Z-]+", method) or not re.fullmatch("/[!-~]*", path): raise Syntax
        else: raise Syntax
        self.since = self.source = None
        self.alone = major == 3  # the query is in the route
        query, body = self.query(method, path)
        target = path if query is None else path + "?" + query
        if body is NONE: body = self.rest(method)
        if self.at < len(self.data): raise Syntax
        r = Request(method, target, body, route=route)
        note = self.note()
        note.count = self.count or self.context.count  # a counter of 0 says nothing
        note.style = self.style
        path, _, query = target.partition("?")
        if SYNC.match(path) and method in PLACE:
            r.asked, r.since, r.source = (query, body if method == "POST" else None), self.since, self.source
            if r.since is None: r.since = next((unquote_to_bytes(a.partition("=")[2]).decode() for a in query.split("&") if a.startswith(PLACE[method])), None)
        send = route < len(self.rows.routes) and SEND.match(self.rows.routes[route])
        if send and body and 8 <= len(body.encode()) <= 2048 and body[0] == "{":
            note.body, note.sorted = body, in_order(body)
        return r, note

    def parameter(self, name, form):
        """A segment of the path; a transaction ID says how its client writes."""
        start = self.at
        value = self.string()
        if name == "{txnId}":
            end, self.at = self.at, start
            self.style, self.at = bytes([form, self.kind()]), end
        return value

    def kind(self):
        """The kind of a transaction ID, which is that of the string where it is inserted."""
        major, n, _ = self.head()
        if (major, n) == (6, 22): major, n, _ = self.head()
        if (major, n) == (6, 17):
            self.head()
            pattern = self.whole(())
            return 1 + (pattern if pattern < 8 else pattern & ~3)
        if (major, n) == (6, 23): return self.context.style[1]
        if (major, n) == (6, 273): raise Syntax
        return 64 + n if major == 6 else 63

    def query(self, method, path):
        """The query, None for none, and the body where the query is one with it."""
        if self.at == len(self.data) or self.data[self.at] == 0xf7 and self.take(1): return None, NONE
        start = self.at
        major, n, info = self.head()
        if (major, n) == (6, 23) and not self.alone: return self.again(method, path)
        if major != 4:
            self.at = start
            return None, NONE
        if n is None or n > 23 or self.alone: raise Syntax
        if n == 1 and self.data[self.at] >> 5 == 3:
            if not re.fullmatch("[!-~]*", query := self.plain()): raise Syntax
            return query, NONE
        arguments = []
        while n > 0:
            start, n = self.at, n - 1
            major, row, _ = self.head()
            key = None
            if major == 0:
                if row >= len(self.rows.arguments): raise Syntax
                key = self.rows.arguments[row]
            elif major == 3: key = self.text(row)
            if key is None or major == 3 and "=" in key: raise Syntax
            key, equals, value = key.partition("=")
            if not equals:
                n -= 1
                if n < 0: raise Syntax
                if self.data[self.at:self.at + 1] == b"\xf6": value = self.take(1) and None
                else: value = self.argument(key)
            arguments.append(escape(key, self.query_style) + ("" if value is None else "=" + escape(value, self.query_style)))
        if n: raise Syntax
        return "&".join(arguments), NONE

    def argument(self, key):
        """The value of an argument, of which it is remembered whether it was a reference."""
        start = self.at
        value = self.string()
        if key in ("since", "pos"):
            self.since = value
            if self.data[start] == 0xd7 and self.data[start + 1] >> 5 < 2:
                self.at = start + 1
                _, self.source = self.context.table.resolve(self.whole(()))
        return value

    def again(self, method, path):
        """Everything that the note of a place says was asked, with that place in it."""
        if not SYNC.match(path) or method not in PLACE: raise Syntax
        self.since, self.source = self.context.table.resolve(self.whole(()))
        self.spoken(self.since, False)
        if not self.source or not self.source.asked: raise Syntax
        query, body = self.source.asked
        if (body is None) != (method == "GET"): raise Syntax
        name = PLACE[method]
        arguments = query.split("&")
        if sum(a.startswith(name) for a in arguments) != 1: raise Syntax
        place = self.since
        if not re.fullmatch("[A-Za-z0-9._-]*", place):
            try: _, _, form = shorten("/?" + query, {}, False)
            except Error: raise Syntax
            place = escape(place, QUERY_STYLES[form >> 3])
        return "&".join(name + place if a.startswith(name) else a for a in arguments), body

    def rest(self, method):
        if self.at == len(self.data): return "{}" if method in EMPTY_BODY else None
        if self.data[self.at:] == b"\xf7": return self.take(1) and None
        return self.item()


NONE = object()


def request(data, rows, context): return RequestItems(data, rows, context).read()
