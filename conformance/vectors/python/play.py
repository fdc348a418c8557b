#!/usr/bin/env python3
"""Plays files of vectors of the kinds cbor and path (docs/vectors.md). Needs no package.

    python3 play.py KEYS.json PATHS.json FILE.json...

KEYS and PATHS are the tables of MSC3079, appendices A and B.
"""
import json, sys

from decode import Limit, Syntax, to_json
from encode import from_json
from paths import Error, expand, shorten, shorten_foreign

MEMBERS = {
    "cbor": {"name", "why", "codec", "json", "json_hex", "cbor", "diag", "text", "error"},
    "path": {"name", "why", "peer", "fold_v3", "target", "uri_path", "uri_query", "form", "restored", "error"},
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


def main():
    keys, paths = json.load(open(sys.argv[1]))["keys"], json.load(open(sys.argv[2]))["paths"]
    names = {n: k for k, n in keys.items()}
    failed = played = 0
    for name in sys.argv[3:]:
        f = json.load(open(name, encoding="utf-8"))
        if f["vectors"] != 1 or f["kind"] not in MEMBERS: sys.exit(f"{name}: schema {f['vectors']}, kind {f['kind']}")
        for row in f["rows"]:
            if row.keys() - MEMBERS[f["kind"]]: sys.exit(f"{name}: {row['name']}: {row.keys() - MEMBERS[f['kind']]}")
            wrong = cbor(row, keys, names) if f["kind"] == "cbor" else path(row, paths)
            played += 1
            if wrong is not None:
                failed += 1
                print(f"{name}: {row['name']}: {wrong}")
    print(f"{played} vectors, {failed} failed")
    sys.exit(failed > 0)


main()
