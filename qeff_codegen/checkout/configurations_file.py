"""An entry for `tests/configs/causal_model_configs.json`; every other byte of the file stays."""

from __future__ import annotations

import json
import re
from pathlib import PurePath
from typing import Any

from qeff_codegen.checkout.python_file import RULE
from qeff_codegen.errors import Location, Refusal

LIST = "causal_lm_models"
IMAGE_LIST = "image_text_models"
_BLANK = re.compile(r"[\s,:{]*")


def with_configuration(text: str, path: PurePath, model_name: str, model_type: str, params: dict[str, Any]) -> str:
    """The file with a tiny configuration as the last of its causal language models.

    It stays as it is where the list has this model type already, or this checkpoint, which tests tell entries by.

    Raises:
        Refusal: the file has no such list of objects.
    """
    begin, end = _span(text, path)
    entries = json.loads(text[begin:end])
    if any(model_type == entry.get("model_type") or model_name == entry.get("model_name") for entry in entries):
        return text
    entry = {"model_name": model_name, "model_type": model_type, "additional_params": params}
    inside = text[begin:end]
    last = begin + inside.rindex("}") + 1
    margin = re.search(r"\[\s*?\n([ \t]*)\{", inside)
    indent = margin.group(1) if margin else "    "
    newline = "\r\n" if "\r\n" in inside else "\n"
    step = " " * max(len(indent) // 2, 1)
    lines = json.dumps(entry, indent=step, ensure_ascii=False).splitlines()
    return text[:last] + "," + newline + newline.join(f"{indent}{line}" for line in lines) + text[last:]


def has_configuration(text: str, path: PurePath, model_type: str, models: str = LIST) -> bool:
    """Whether the list `models` has an entry of this model type."""
    begin, end = _span(text, path, models)
    return any(entry.get("model_type") == model_type for entry in json.loads(text[begin:end]))


def _span(text: str, path: PurePath, models: str = LIST) -> tuple[int, int]:
    """Where the list stands in the text."""
    decoder = json.JSONDecoder()
    try:
        json.loads(text)
        at = _skip(text, 0)
        while at < len(text) and text[at] == '"':
            key, at = decoder.raw_decode(text, at)
            begin = _skip(text, at, inside_value=True)
            value, at = decoder.raw_decode(text, begin)
            if key == models and isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
                return begin, at
            at = _skip(text, at)
    except json.JSONDecodeError as error:
        raise _refusal(f"{path} is no JSON: {error.msg}", path, error.lineno, text, models) from error
    raise _refusal(f"{path} has no list `{models}` of objects", path, 1, text, models)


def _skip(text: str, at: int, *, inside_value: bool = False) -> int:
    pattern = re.compile(r"[\s:]*") if inside_value else _BLANK
    match = pattern.match(text, at)
    return match.end() if match else at


def _refusal(what: str, path: PurePath, line: int, text: str, models: str) -> Refusal:
    lines = text.splitlines()
    return Refusal(
        what,
        rule=RULE,
        location=Location(str(path), line, lines[line - 1] if line <= len(lines) else ""),
        expected=f'an object with a list "{models}", which tiny configurations are added to',
        next_step="compare with the file on the checkout's main branch",
    )
