"""A checkpoint's configuration, where transformers refuses it only because a number has another type.

Configuration classes hold every field to its declared type, and configurations were published before that: a flag
given as a count, a limit of 6 where the field is a float. Such a number is read as the type that the field takes;
nothing else of a configuration is changed, and what was read otherwise is said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from huggingface_hub.errors import StrictDataclassFieldValidationError
from transformers import AutoConfig

CONFIG = "config.json"
REFUSED = re.compile(r"Validation error for field '(?P<field>\w+)':\s+TypeError")
Place = tuple[str, ...]


@dataclass(frozen=True)
class ReadConfiguration:
    """A configuration, and what of it was read as another type.

    Attributes:
        config: the configuration; None where transformers reads the folder's own, or refuses it for another reason.
        remarks: one sentence for each number that was read as another type.
    """

    config: Any = None
    remarks: tuple[str, ...] = ()


def read_configuration(folder: Path) -> ReadConfiguration:
    """The configuration in `folder`, with numbers in the types that its fields take.

    What transformers refuses for another reason is left to whoever loads the model, to be refused in its own words.
    """
    settings = json.loads((folder / CONFIG).read_text("utf-8"))
    refused = _refused(settings)
    remarks = []
    while refused is not None:
        step = _step(settings, refused)
        if step is None:
            return ReadConfiguration()
        settings, refused, remark = step
        remarks.append(remark)
    return ReadConfiguration(_loaded(settings), tuple(remarks)) if remarks else ReadConfiguration()


def _step(settings: dict[str, Any], field: str) -> tuple[dict[str, Any], str | None, str] | None:
    """The settings with a refused field's number in a type that is taken; None where there is no such type.

    Returns:
        Settings, the field that is refused then, and what was read otherwise.
    """
    places = [place for place in _places(settings, field) if _other_types(_at(settings, place))]
    # Of nested configurations one may be meant, or all: the refusal names the field alone.
    for chosen in [*([place] for place in places), *([places] if len(places) > 1 else [])]:
        for value in _other_types(_at(settings, chosen[0])):
            changed = deepcopy(settings)
            for place in chosen:
                _at(changed, place[:-1])[place[-1]] = type(value)(_at(settings, place))
            left = _refused(changed)
            if left != field:
                read = f"{json.dumps(_at(settings, chosen[0]))} of {CONFIG} is read as {json.dumps(value)}"
                return changed, left, f"{', '.join(map('.'.join, chosen))}: {read}, in the type of that field"
    return None


def _refused(settings: dict[str, Any]) -> str | None:
    """The field whose type a configuration class refuses; None where it refuses none."""
    try:
        _loaded(settings)
    except StrictDataclassFieldValidationError as error:
        named = REFUSED.match(str(error))
        return named["field"] if named is not None else None
    except Exception:  # each family checks its configuration with exceptions of its own
        return None
    return None


def _loaded(settings: dict[str, Any]) -> Any:
    with TemporaryDirectory(prefix="qeff_codegen-") as folder:
        (Path(folder) / CONFIG).write_text(json.dumps(settings), "utf-8")
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _other_types(value: Any) -> tuple[float | bool | int, ...]:
    """The same number in the other types of numbers that hold it; of a flag only whether it is set is read."""
    if type(value) is int:
        return float(value), bool(value)
    return (int(value),) if type(value) is float and value.is_integer() else ()


def _places(settings: Any, field: str, above: Place = ()) -> Iterator[Place]:
    """Every place in nested settings where a name is that of a field."""
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if name == field:
            yield (*above, name)
        yield from _places(value, field, (*above, name))


def _at(settings: Any, place: Place) -> Any:
    for name in place:
        settings = settings[name]
    return settings
