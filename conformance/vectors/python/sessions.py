"""Reads whole sessions of version 2, a message a line: what both ends wrote, and what they meant."""
import json

import wire2
from coder import Damaged
from context import Unknown
from decode import Limit, Syntax
from exchange import Wrong, check


def play(world, name):
    """The messages of the sessions in a file, and what is wrong with each."""
    for line in open(name, encoding="utf-8"):
        said = json.loads(line)
        if "session" in said:
            title, session, number = said["session"], wire2.Session(world.model, world.rows, said["home"], said["size"]), 0
            known = {}  # what a response to the last request, and what a notification, is coded against
            continue
        number += 1
        wrong = None
        try: message(session, said, known)
        except (Wrong, Damaged, Unknown, Syntax, Limit, ValueError, AttributeError) as e: wrong = f"{type(e).__name__} {e}"
        yield f"{title}, message {number}", wrong


def message(session, said, known):
    if "request" in said:
        payload = bytes.fromhex(said["request"])
        r, known["request"] = session.request(payload, session.content(payload, session.prelude(payload)))
        if r.asked: known["observed"] = known["request"]
        check("request", (r.method, r.target, r.body), (said["method"], said["target"], said.get("json")))
    elif "response" in said:
        check("response", session.response(bytes.fromhex(said["response"]), known["request"], said["status"])[1], said.get("json"))
    else: check("notification", session.notification(bytes.fromhex(said["notification"]), known["observed"], said["status"])[1], said.get("json"))
