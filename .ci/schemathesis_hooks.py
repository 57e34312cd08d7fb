"""Requests of schemathesis must not wait for long: a valid `wait` becomes a short one."""

import re

import schemathesis


@schemathesis.hook
def map_query(context, query):
    if query and re.fullmatch(r"([0-9]+(us|ms|s|m|h|d) ?)+", str(query.get("wait"))):
        query["wait"] = "1ms"
    return query
