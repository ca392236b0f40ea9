"""Put the generated file of an image-text model together, with the record of who made which line."""

from __future__ import annotations

import ast
from itertools import accumulate

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.emit import steps
from qeff_codegen.emit.formatting import formatted, formatted_imports
from qeff_codegen.emit.header import header
from qeff_codegen.emit.imports import global_names, import_section, resolve
from qeff_codegen.engine.provenance import Line
from qeff_codegen.errors import Refusal
from qeff_codegen.generated_model import Edit, GeneratedModel, MappingEntry
from qeff_codegen.image_text.checkout_programs import check_for_checkout, checkout_programs
from qeff_codegen.image_text.known_statements import RULE
from qeff_codegen.image_text.parts import ImageTextParts
from qeff_codegen.image_text.programs import Program, programs
from qeff_codegen.targets.target import PREFIX, Target

# What the programs are made with.
RUNTIME_NAMES = ("ImageTextOutput", "decoder_layers_of", "place_image_embeds", "text_model_of")


def generate_image_text(parts: ImageTextParts, target: Target) -> GeneratedModel:
    """The two programs of one image-text model, whose text model another package serves.

    Raises:
        Refusal: the target's runtime has no programs for images.
    """
    file = parts.file
    check_runtime(parts, target)
    made = _programs(parts, target)
    texts = [formatted(program.text, target) for program in made]
    body = "\n\n".join(texts)
    top = header(file.upstream, target)
    imports = formatted_imports(_imports(file, body, target), target)
    code = f"{top}\n\n{imports}\n\n\n{body}"
    edits = _edits(file, [top, imports, *texts], [*_owners(made)])
    mappings = mappings_of_programs(parts, target)
    origins = (None,) * len(code.splitlines())
    # No rule looks at an image-text model, so none can change it.
    return GeneratedModel(file.upstream.name, file.upstream, code, mappings, parts.found(), edits, (), origins, ())


def check_runtime(parts: ImageTextParts, target: Target) -> None:
    """Raises a refusal where the target's runtime has nothing to make the programs with, or cannot feed them."""
    if target.asks_model:
        check_for_checkout(parts, target.name)
    elif not target.has(*RUNTIME_NAMES):
        raise Refusal(
            f"the runtime of {target.name} has nothing that places images among tokens",
            rule=RULE,
            location=parts.file.location(parts.conditional_generation.node.lineno),
            expected=f"{', '.join(RUNTIME_NAMES)} in its runtime",
            next_step="generate for this project's own runtime: `python -m qeff_codegen NAME`",
        )


def mappings_of_programs(parts: ImageTextParts, target: Target) -> tuple[MappingEntry, ...]:
    """The entries of the classes that give the programs."""
    module = target.modeling_module.format(name=parts.file.upstream.name)
    replaced = [*([parts.model.name] if parts.features_changed else []), parts.conditional_generation.name]
    return tuple(MappingEntry("KVCacheTransform", name, PREFIX + name, module) for name in replaced)


def lines_of_programs(parts: ImageTextParts, target: Target) -> tuple[Line, ...]:
    """The classes as lines of a file in which others stand above them, with the steps that made them."""
    found: list[Line] = []
    for program in _programs(parts, target):
        step = steps.IMAGES_OF_ONE_SIZE if program.method else steps.IMAGE_PROGRAMS
        found += [Line("", rules=(steps.BLANK_LINES.id,))] * 2
        texts = formatted(program.text, target).splitlines()
        found += [Line(text, rules=(step.id,), function=program.method) for text in texts]
    return tuple(found)


def _programs(parts: ImageTextParts, target: Target) -> tuple[Program, ...]:
    """The definitions of the two programs, in the shape that the target's runtime runs."""
    return checkout_programs(parts, target.first_party) if target.asks_model else programs(parts)


def _imports(file: ModelingFile, body: str, target: Target) -> str:
    defined = {item.name for item in ast.parse(body).body if isinstance(item, ast.ClassDef | ast.FunctionDef)}
    found, unknown = resolve(global_names(body) - defined, file, target)
    if unknown:
        raise Refusal(
            f"{', '.join(f'`{name}`' for name in unknown)} of the generated programs cannot be imported",
            rule=RULE,
            location=file.location(1),
            expected="names of the file's imports, of the file itself, or of the runtime",
            next_step="a name that is bound under a condition needs a rule",
        )
    return import_section(found, {}, (), target.first_party)


def _owners(made: tuple[Program, ...]) -> list[tuple[str, str]]:
    """For each piece of the file, the step that made it and the upstream function it is about."""
    classes = [
        (steps.IMAGES_OF_ONE_SIZE.id, program.method) if program.method else (steps.IMAGE_PROGRAMS.id, "")
        for program in made
    ]
    return [(steps.HEADER.id, ""), (steps.IMPORTS.id, ""), *classes]


def _edits(file: ModelingFile, pieces: list[str], owners: list[tuple[str, str]]) -> tuple[Edit, ...]:
    """One edit for each piece of the file, and one for upstream's, of which a loaded model keeps every class."""
    lengths = [len(piece.splitlines()) for piece in pieces]
    # One blank line follows the header, two every other piece.
    gaps = [1, *[2] * (len(pieces) - 1)]
    ends = list(accumulate(length + gap for length, gap in zip(lengths, gaps, strict=True)))
    starts = [1, *(end + 1 for end in ends[:-1])]
    total = ends[-1] - gaps[-1]
    made = tuple(
        Edit(owner, function, None, (start, min(end, total)))
        for (owner, function), start, end in zip(owners, starts, ends, strict=True)
    )
    return (*made, Edit(steps.CALLED_BY_PROGRAMS.id, "", (1, len(file.upstream.lines)), None))
