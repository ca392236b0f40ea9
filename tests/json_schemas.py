"""The schemas of docs/json.md, and as much of JSON Schema as they are written in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from tests.imports import ROOT

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_KNOWN = {"type", "required", "properties", "additionalProperties", "items", "enum"}


@cache
def schemas() -> dict[str, Any]:
    """The schema of every command, by its heading in docs/json.md."""
    text = (ROOT / "docs" / "json.md").read_text("utf-8")
    found = re.findall(r"^## (\w+)$.*?^```json\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return {command: json.loads(schema) for command, schema in found}


def unknown_fields(document: Any, schema: Mapping[str, Any]) -> set[str]:
    """The fields of a document, at its top, that the schema says nothing of."""
    return set(document) - set(schema["properties"])


def faults(value: Any, schema: Mapping[str, Any], place: str = "$") -> Iterator[str]:
    """Where a value is not as the schema has it."""
    assert set(schema) <= _KNOWN, f"{place}: this reads no {set(schema) - _KNOWN}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is {value!r}, none of {schema['enum']}"
    if "type" in schema and not _is_of(value, schema["type"]):
        yield f"{place} is {value!r}, no {schema['type']}"
        return
    if isinstance(value, dict):
        known = schema.get("properties", {})
        yield from (f"{place} lacks {name}" for name in schema.get("required", ()) if name not in value)
        for name, item in value.items():
            own = known.get(name, schema.get("additionalProperties"))
            if own is not None:
                yield from faults(item, own, f"{place}.{name}")
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from faults(item, schema["items"], f"{place}[{number}]")


def _is_of(value: Any, types: str | list[str]) -> bool:
    """Whether a value has one of the types; a boolean is no number."""
    names = [types] if isinstance(types, str) else types
    return any(
        isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names
    )
