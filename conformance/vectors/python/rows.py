"""The tables of the dialect (docs/wire-v2-dialect.md), out of the file where the document says they are."""
import hashlib, json, re

PATTERNS = ("0 m<ms>.<n>", "1 mautrix-go_<ns>_<n>", "2 <ms>__inc<n>", "3 m<ms><n>", "4 mautrix-python_R<n>@T<ms>",
            "5 <name>-<n>-<ms>", "6 t<14 hexadecimal digits>", "8 <uuid>", "12 <uuid without hyphens>", "16 $local.<uuid>")


class Rows:
    def __init__(self, path, keys):
        """keys are those of version 1 by their names."""
        tables = {}
        for line in open(path, encoding="utf-8"):
            if m := re.match(r"var (\w+)Rows = ", line): rows = tables[m[1]] = []
            elif m := re.match(r"\t(\d+): +(?:`(.*)`|(\".*\")),$", line):
                if int(m[1]) != len(rows): raise ValueError(line)
                rows.append(m[2] if m[2] is not None else json.loads(m[3]))
        self.keys, self.words = tables["key"], tables["word"]
        self.arguments, self.routes = tables["argument"], tables["route"]
        self.names = {n: k for k, n in keys.items()}

    def identity(self):
        h = hashlib.sha256()
        for rows in self.keys, self.words, self.arguments, self.routes, PATTERNS:
            h.update(len(rows).to_bytes(4, "big"))
            for row in rows: h.update(len(row.encode()).to_bytes(4, "big") + row.encode())
        return h.digest()[:8]
