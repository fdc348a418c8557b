"""Request targets to options and back, made from docs/wire-v1.md and coap/paths/styles.go."""
from urllib.parse import unquote_to_bytes

UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
# What each style leaves as it is, and whether it writes a space as a plus.
PATH_STYLES = [(UNRESERVED + s, False) for s in (
    "!$&'()*+,;=:@", "!'()*", "$&+:=@", "", "$&+,:;=@", "!$&'()*+,;=:@[]^|", "!$&'()*+,;=:@[]|", "!$&'()*,;=:@")]
QUERY_STYLES = [
    (UNRESERVED + "!$'()*+,;=:@/?", False), (UNRESERVED + "!'()*", False), (UNRESERVED.replace("~", "*"), True),
    (UNRESERVED, True), (UNRESERVED, False), (UNRESERVED + "!()*", False), (UNRESERVED + "!$'()*,:@/?", True),
    (UNRESERVED + "!$()*+,;=:@/?[\\]^`{|}", False)]


class Error(Exception): pass


def escape(value, style):
    safe, plus = style
    return "".join("+" if plus and b == 32 else chr(b) if chr(b) in safe else f"%{b:02X}" for b in value.encode("utf-8", "surrogateescape"))


def join_argument(value, style):
    key, equals, v = value.partition("=")
    return escape(key, style) + equals + escape(v, style)


def unescape(s):
    try: return unquote_to_bytes(s).decode()
    except UnicodeDecodeError: raise Error("envelope")


def legal(value):
    if len(value.encode()) > 255: raise Error("envelope")
    return value


def match(segments, paths):
    """The enum of a path and its parameters, None for no row."""
    for enum, template in paths.items():
        parts = template[1:].split("/")
        if len(parts) == len(segments) and all(p[:1] == "{" or p == s for p, s in zip(parts, segments)):
            return [enum] + [s for p, s in zip(parts, segments) if p[:1] == "{"]


def shorten(target, paths, fold):
    """Uri-Path, Uri-Query and the form of a target for a coapgw."""
    path, mark, query = target.partition("?")
    if mark and not query: raise Error("envelope")
    segments = [legal(unescape(s)) for s in path[1:].split("/")] if path != "/" else []
    if "." in segments or ".." in segments: raise Error("envelope")
    form = next((i for i, style in enumerate(PATH_STYLES) if "".join("/" + escape(s, style) for s in segments) == path or not segments), None)
    args = [legal(unescape_argument(a)) for a in query.split("&")] if query else []
    if form is None: raise Error("envelope")
    for i, style in enumerate(QUERY_STYLES):
        args = [legal(unescape_argument(a, style[1])) for a in query.split("&")] if query else []
        if "&".join(join_argument(a, style) for a in args) == query: break
    else: raise Error("envelope")
    form |= i << 3
    v3 = fold and segments[:3] == ["_matrix", "client", "v3"]
    row = match(["_matrix", "client", "r0"] + segments[3:] if v3 else segments, paths)
    if row: return row, args, form | v3 << 6
    if segments and segments[0] in paths: raise Error("envelope")
    return segments, args, form


def unescape_argument(a, plus=False):
    return unescape(a.replace("+", " ") if plus else a)


def shorten_foreign(target, paths, fold):
    """The same for any other peer, which knows no form: a query is read as that of an HTML form."""
    path, _, query = target.partition("?")
    try:
        segments, _, _ = shorten("/".join(escape(unescape(s), PATH_STYLES[3]) for s in path.split("/")), paths, fold)
        args = [legal(unescape_argument(a, True)) for a in query.split("&")] if query else []
    except Error: raise Error("refused")
    # A key would end at a "=" that was escaped.
    if any(unescape_argument(a.partition("=")[0], True) != b.partition("=")[0] for a, b in zip(query.split("&"), args)): raise Error("refused")
    return segments, args, 0


def expand(segments, args, form, paths):
    """The target of options."""
    if form > 127: form = 0
    style, v3 = PATH_STYLES[form & 7], form >> 6
    for s in segments:
        if s in (".", "..") or "\udc80" <= max(s, default="") <= "\udcff": raise Error("bad request")
    template = paths.get(segments[0]) if segments else None
    if template:
        parts, rest = template.split("/"), segments[1:]
        if sum(p[:1] == "{" for p in parts) != len(rest) or v3 and parts[3:4] != ["r0"]: raise Error("bad request")
        target = "/".join(escape(rest.pop(0), style) if p[:1] == "{" else "v3" if v3 and i == 3 else p for i, p in enumerate(parts))
    elif v3: raise Error("bad request")
    else: target = "".join("/" + escape(s, style) for s in segments) or "/"
    query = "&".join(join_argument(a, QUERY_STYLES[form >> 3 & 7]) for a in args)
    return target + "?" * bool(query) + query
