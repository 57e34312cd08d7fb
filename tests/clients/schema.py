"""Validates scenario files against a JSON Schema. Arguments: the schema, then TOML files. Prints a line for each file:
its path, and `valid` or the first error."""

import json
import sys
import tomllib

import jsonschema

with open(sys.argv[1]) as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        document = tomllib.load(file)
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    where = "" if error is None else "/".join(map(str, error.absolute_path))
    print(path, "valid" if error is None else f"{where}: {error.message[:200]}", sep="\t")
