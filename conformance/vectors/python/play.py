#!/usr/bin/env python3
"""Plays vectors (docs/vectors.md) of version 1, of version 2, of its coder, and the examples in its documents.

    python3 play.py ROOT FILE...

ROOT is the directory of the repository, in which are the tables and the model. Needs no package.
"""
import functools, json, sys

import coder, examples, exchange, formatid, sessions, tables
from decode import Limit, Syntax, to_json
from encode import from_json
from model import Model
from paths import Error, expand, shorten, shorten_foreign
from rows import Rows

MEMBERS = {
    "cbor": {"name", "why", "codec", "json", "json_hex", "cbor", "diag", "text", "error"},
    "path": {"name", "why", "peer", "fold_v3", "target", "uri_path", "uri_query", "form", "restored", "error"},
    "tables": {"name", "why", "size", "steps"},
    "exchange": {"name", "why", "client", "server", "version2", "home", "entries", "class", "push", "steps"},
}


def attempt(f, *args):
    """What f returns, or the kind of its error."""
    try: return f(*args)
    except Syntax: return "error: syntax"
    except Limit: return "error: limit"
    except Error as e: return f"error: {e}"


def cbor(row, keys, names):
    """What is wrong with a row, or None."""
    text = bytes.fromhex(row["json_hex"]) if "json_hex" in row else row["json"].encode() if "json" in row else None
    item = bytes.fromhex(row.get("cbor", ""))
    if "error" in row:
        got = attempt(from_json, text, keys, "v1") if text is not None else attempt(to_json, item, names)
        return None if got == "error: " + row["error"] else got
    if text is not None:
        got = attempt(from_json, text, keys, row.get("codec", "v1"))
        if got != item: return got.hex() if isinstance(got, bytes) else got
    got = attempt(to_json, item, names)
    return None if got == row.get("text", row.get("json")) else got


def value(s): return bytes.fromhex(s[4:]).decode("utf-8", "surrogateescape") if s.startswith("hex:") else s


def path(row, paths):
    segments, args = [value(s) for s in row.get("uri_path", [])], [value(s) for s in row.get("uri_query", [])]
    form = int(row["form"] or "0", 16) ^ 64 if "form" in row else 0
    if "target" in row:
        foreign = row.get("peer") == "foreign"
        got = attempt(shorten_foreign if foreign else shorten, row["target"], paths, row.get("fold_v3", not foreign))
        if "error" in row: return None if got == "error: " + row["error"] else got
        if got != (segments, args, form): return got
    got = attempt(expand, segments, args, form, paths)
    return None if got == ("error: " + row["error"] if "error" in row else row.get("restored", row.get("target"))) else got


class World:
    """The tables of both versions, and the model, as the documents name them."""

    def __init__(self, root):
        self.root = root
        self.keys = self.json("cborcodec/testdata/msc3079-v1-keys.json")["keys"]
        self.paths = self.json("coap/paths/testdata/msc3079-v1-paths.json")["paths"]
        self.names = {n: k for k, n in self.keys.items()}

    def json(self, name): return json.load(open(f"{self.root}/{name}", encoding="utf-8"))

    @functools.cached_property
    def rows(self): return Rows(f"{self.root}/cborcodec/dialect/tables.go", self.keys)

    @functools.cached_property
    def model(self): return Model(open(f"{self.root}/cborcodec/coder/shipped.model", "rb").read())

    @functools.cached_property
    def format(self): return formatid.of(self.model, self.rows)

    def play(self, kind, row):
        """What is wrong with a row, or None."""
        if kind == "cbor": return cbor(row, self.keys, self.names)
        if kind == "path": return path(row, self.paths)
        try:
            if kind == "tables": tables.play(row)
            else: exchange.Play(row, self).run()
        except exchange.Wrong as e: return e


def vectors(world, name):
    """The names of the rows of a file, and what is wrong with each."""
    f = json.load(open(name, encoding="utf-8"))
    if f["vectors"] != 1 or f["kind"] not in MEMBERS: sys.exit(f"{name}: schema {f['vectors']}, kind {f['kind']}")
    if f["kind"] == "exchange" and f.get("format") != world.format.hex(): sys.exit(f"{name}: not of format {world.format.hex()}")
    for row in f["rows"]:
        if row.keys() - MEMBERS[f["kind"]]: sys.exit(f"{name}: {row['name']}: {row.keys() - MEMBERS[f['kind']]}")
        yield row["name"], world.play(f["kind"], row)


def codes(world, name):
    """The same of the vectors of the coder."""
    for i, line in enumerate(open(name)):
        if i == 0 or line.startswith("method\t"): continue
        method, prelude, payload, code = line.rstrip("\n").split("\t")
        prelude, payload, code = map(bytes.fromhex, (prelude, payload, code))
        try: got = coder.decode(world.model, code[0] & 3, code[1:], prelude)
        except coder.Damaged as e: yield f"{method} {i + 1}", e; continue
        if got == payload and code[0] & 3 == coder.MIXING: payload, got = code[1:], coder.encode(world.model, coder.MIXING, got, prelude)
        yield f"{method} {i + 1}", None if got == payload else got.hex()


def main():
    world, played, failed = World(sys.argv[1]), 0, 0
    for name in sys.argv[2:]:
        play = {"md": examples.play, "tsv": codes, "jsonl": sessions.play}.get(name.rpartition(".")[2], vectors)
        for row, wrong in play(world, name):
            played += 1
            if wrong is not None:
                failed += 1
                print(f"{name}: {row}: {wrong}")
    print(f"{played} vectors, {failed} failed")
    sys.exit(failed > 0)


main()
