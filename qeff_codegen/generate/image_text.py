"""Generate an image-text model: its two programs, with what of its text model stands in the same file."""

from __future__ import annotations

from dataclasses import replace

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.emit.modeling_file import WrittenBelow
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.own_lines import OwnLines
from qeff_codegen.generate.rewritten import rewritten
from qeff_codegen.generated_model import IMAGES_REFUSED, Edit, GeneratedModel, RoleFound
from qeff_codegen.image_text.generate import (
    RUNTIME_NAMES,
    check_runtime,
    generate_image_text,
    lines_of_programs,
    mappings_of_programs,
)
from qeff_codegen.image_text.known_statements import refusal
from qeff_codegen.image_text.own_text import causal_lm_name, with_causal_lm
from qeff_codegen.image_text.parts import ImageTextParts
from qeff_codegen.image_text.recognise import recognise_image_text
from qeff_codegen.targets.target import Target


def generated_image_text(file: ModelingFile, own_lines: OwnLines, target: Target) -> GeneratedModel:
    """The file of an image-text model.

    Raises:
        Refusal: a part is not recognised, its text model cannot be rewritten, or the target has no such programs.
    """
    parts = recognise_image_text(file)
    if parts.text_class is None:
        return own_lines.of_whole_file(generate_image_text(parts, target))
    check_runtime(parts, target)
    return _with_text_model(parts, own_lines, target)


def generated_with_images(file: ModelingFile, own_lines: OwnLines, target: Target) -> GeneratedModel:
    """The file of a causal LM that an image-text model of the same file calls, with the programs of that below.

    Where its images are refused, or the target has no such programs, it is the causal LM's alone.

    Raises:
        Refusal: the causal LM cannot be rewritten.
    """
    upstream, anatomy = file.upstream, recognise(file)
    below, programs = None, []
    parts = _parts(file)
    if isinstance(parts, ImageTextParts) and target.has(*RUNTIME_NAMES):
        below = _below(parts, target)
        programs = list(mappings_of_programs(parts, target))
    text, mappings, draft = rewritten(anatomy, target, below)
    origins, edits = own_lines.generated(text.lines, text.edits)
    return GeneratedModel(
        upstream.name,
        upstream,
        text.code,
        (*mappings, *programs),
        own_lines.roles(roles_with_images(file, anatomy)),
        edits,
        tuple(draft.matches.items()),
        origins,
        tuple(sorted(draft.looked_at)),
    )


def roles_with_images(file: ModelingFile, anatomy: Anatomy) -> tuple[RoleFound, ...]:
    """The roles of a causal LM with the parts of the image-text model that calls it, or why its images are refused."""
    parts = _parts(file)
    if isinstance(parts, ImageTextParts):
        images = parts.found()
    else:
        place = parts.location
        line = place.line if place is not None and place.path == file.upstream.display_path else 1
        images = (RoleFound(IMAGES_REFUSED, file.upstream.image_text or "", line, (parts.what,)),)
    return tuple(sorted((*anatomy.found(), *images), key=lambda role: role.line))


def _parts(file: ModelingFile) -> ImageTextParts | Refusal:
    """The parts of the image-text model that stands beside a causal LM, or why its images are refused."""
    try:
        parts = recognise_image_text(file)
    except Refusal as refused:
        return refused
    if parts.sections is None:
        return parts
    return refusal(
        file,
        f"`{parts.sections.method.name}` gives tokens positions of several kinds, and the text model is a causal LM's",
        parts.sections.method.lineno,
        "a text model that is generated with the programs, or tokens with one position each",
    )


def _below(parts: ImageTextParts, target: Target, without: str = "") -> WrittenBelow:
    """The programs as what stands below the text model, in the place of the class `without`."""
    lines = lines_of_programs(parts, target)
    made = [line.text for line in lines if line.text.startswith("class ")]
    defined = frozenset(text.split("(")[0].removeprefix("class ") for text in made)
    return WrittenBelow(lines, defined, without)


def _with_text_model(parts: ImageTextParts, own_lines: OwnLines, target: Target) -> GeneratedModel:
    upstream, name = parts.file.upstream, causal_lm_name(parts)
    anatomy = recognise(with_causal_lm(parts.file, parts))
    text, mappings, draft = rewritten(anatomy, target, _below(parts, target, name))
    origins, edits = own_lines.generated(text.lines, _edits_of_file(text.edits, len(upstream.lines)))
    roles = [role for role in anatomy.found() if role.name != name]
    return GeneratedModel(
        upstream.name,
        upstream,
        text.code,
        (*(entry for entry in mappings if entry.upstream_class != name), *mappings_of_programs(parts, target)),
        own_lines.roles(sorted((*roles, *parts.found()), key=lambda role: role.line)),
        edits,
        tuple(draft.matches.items()),
        origins,
        tuple(sorted(draft.looked_at)),
    )


def _edits_of_file(edits: tuple[Edit, ...], lines: int) -> tuple[Edit, ...]:
    """The edits without those of lines below upstream's own, of which there are so many."""
    found: list[Edit] = []
    for edit in edits:
        span = edit.upstream_lines
        if span is None or span[1] <= lines:
            found.append(edit)
        elif span[0] <= lines:
            found.append(replace(edit, upstream_lines=(span[0], lines)))
    return tuple(found)
