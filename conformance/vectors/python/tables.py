"""Plays the rows of tables.json: our ends read what is written there, and write it."""
from context import Unknown
from exchange import Wrong, check
from idtable import Client, Server

STEP = {"do", "id", "to", "items", "state", "error", "start", "seconds"}


def play(row):
    client, server, messages = Client(row["size"]), Server(row["size"]), {}
    for i, s in enumerate(row["steps"]):
        if s.keys() - STEP: raise Wrong(f"unknown members {s.keys() - STEP}")
        try: step(s, client, server, messages, row["size"])
        except Wrong as e: raise Wrong(f"step {i + 1}: {e}")
        except Exception as e: raise Wrong(f"step {i + 1}: {type(e).__name__} {e}")
        if s["do"] == "restart": server = Server(row["size"], s["start"])


def written(s, message):
    """An end of ours writes this step so; of references it may write more, where the row has none."""
    items, state = message
    items = [want if "ref" in got and want.keys() == {"text"} else got for got, want in zip(items, s.get("items", []))]
    check("items", items, s.get("items", []))
    check("state", state, s["state"])
    return items, state


def step(s, client, server, messages, size):
    do, id, texts = s["do"], s.get("id"), [i["text"] for i in s.get("items", [])]
    if do == "ask": messages[id] = written(s, client.ask(id, texts))
    elif do == "answer": messages[id] = written(s, server.answer(id, texts))
    elif do == "notify": messages[id] = written(s, server.notify(id, texts))
    elif do == "admit": server.admit(id, messages[id][1])
    elif do == "wait": client.now += s["seconds"]
    elif do == "arrived": client.arrived(id)
    elif do == "give up": client.give_up(id, s["seconds"])
    elif do == "refused": client.refused(id)
    elif do == "reset": client.reset(id)
    elif do == "done": server.done(id)
    elif do == "rejected": server.rejected(id)
    elif do in ("read", "take", "deliver"):
        end, to = (server, id) if do == "read" else (client, s.get("to", id))
        error = None
        try: getattr(end, do)(to, *messages[id])
        except Unknown: error = "unknown"
        check("error", error, s.get("error"))
    elif do != "restart": raise Wrong(f"unknown step {do}")
