"""Requests of schemathesis must not wait for long, and must not make the server send anything to other machines."""

import re

import schemathesis


@schemathesis.hook
def map_query(context, query):
    for name in ("wait", "none_within"):
        if query and re.fullmatch(r"([0-9]+(us|ms|s|m|h|d) ?)+", str(query.get(name))):
            query[name] = "1ms"
    return query


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict) and str(body.get("url")).startswith("http"):
        body["url"] = "http://127.0.0.1:9/"
    return body
