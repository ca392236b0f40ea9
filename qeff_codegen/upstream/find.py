"""From a model's name to its modeling file's text."""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.upstream.pin import pinned_version
from qeff_codegen.upstream.source import BY_TABLE, UpstreamModel
from qeff_codegen.upstream.spelling import near, spelled
from qeff_codegen.upstream.transformers_text import (
    TransformersText,
    installed_transformers,
    transformers_in,
    transformers_in_wheel,
)
from qeff_codegen.upstream.wheel import transformers_wheel

BLUEPRINT = "blueprint"
# Until 5.5 a file of transformers may take a class from another family's; what is named `auto` chooses among families.
_TAKES_FROM_ANOTHER = re.compile(r"^from \.\.(\.models\.)?(?!auto\.)\w+\.modeling_\w+ import", re.MULTILINE)


def find_model(
    name: str,
    *,
    transformers_version: str | None = None,
    source: Path | None = None,
    class_name: str | None = None,
) -> UpstreamModel:
    """The modeling file of `name`.

    Args:
        name: a model type of transformers in either spelling (`qwen2_moe`, `qwen2-moe`), `blueprint`, or, for a
            source outside transformers, the name to generate under.
        transformers_version: read this release's wheel rather than the installed transformers; no release has
            `blueprint`, which comes with this package. For a file outside transformers, the release whose classes it
            inherits from.
        source: read this instead: a transformers tree or wheel, a checkpoint's folder with modeling code of its own, a
            folder with `modeling_<name>.py`, or one file.
        class_name: which class of a source outside transformers is the causal LM.

    Raises:
        UsageError: the name, the version or the path leads nowhere.
        Refusal: the family is there and has neither causal LM nor image-text model, or a checkpoint's `config.json`
            names code elsewhere.
    """
    identifier = _identifier(name)
    tree = None if source is None else _tree_in(source)
    if transformers_version is not None and tree is not None:
        raise UsageError("--transformers and --source each name a release of transformers: give one of them.")
    if class_name is not None and (source is None or tree is not None):
        raise UsageError("--class says which causal LM of a file is meant: give it with --source FILE or FOLDER.")
    if identifier == BLUEPRINT and source is None:
        return _blueprint()
    if source is None:
        found = find_in_transformers(name, _transformers(transformers_version))
        return replace(found, options=_release_option(found.version, transformers_version))
    if tree is not None:
        return replace(find_in_transformers(name, tree), options=("--source", as_typed(source)))
    # Imported where there is such a source: what reads it is a large part of this package's start.
    from qeff_codegen.upstream.loose_file import find_loose_file, read_loose_file

    around = _transformers_if_any() if transformers_version is None else _transformers(transformers_version)
    found = read_loose_file(identifier, find_loose_file(identifier, source, class_name), around)
    chosen = () if class_name is None else ("--class", class_name)
    release = _release_option(found.version, transformers_version)
    return replace(found, options=("--source", as_typed(source), *chosen, *release))


def _tree_in(source: Path) -> TransformersText | None:
    if not source.exists():
        raise UsageError(f"{source} does not exist.\nGive --source a modeling file, a folder or a wheel.")
    return transformers_in(source)


def _transformers_if_any() -> TransformersText | None:
    try:
        return installed_transformers()
    except UsageError:
        # Without it, what a file imports relatively is believed to be there.
        return None


def _release_option(version: str | None, given: str | None) -> tuple[str, ...]:
    """The option that another release than the pinned one takes."""
    pinned: str | None
    try:
        pinned = pinned_version()
    except UsageError:
        # This package is not installed: what would be read without the option is anybody's guess.
        pinned = version if given is None else None
    return () if version is None or version == pinned else ("--transformers", version)


def as_typed(path: Path) -> str:
    """A path for a command line in a generated file: as it was given, and relative where it need not be absolute."""
    if path.is_absolute():
        here = Path.cwd()
        shared = [one for one, other in zip(path.parts, here.parts, strict=False) if one == other]
        # Below the root everything is relative to everything else; such a path says less than an absolute one.
        if len(shared) > 1:
            path = Path(os.path.relpath(path, here))
    return path.as_posix()


def causal_lm_families(*, transformers_version: str | None = None, source: Path | None = None) -> tuple[str, ...]:
    """Every model type with a causal LM, sorted, in one transformers release or tree.

    Raises:
        UsageError: the version or the path leads to no transformers.
    """
    tree = _transformers(transformers_version) if source is None else transformers_in(source)
    if tree is None:
        raise UsageError(f"{source} is no transformers tree: it has no models/auto/modeling_auto.py.")
    return tuple(sorted(tree.tables.causal_lm))


def image_text_families() -> tuple[str, ...]:
    """Every model type of the installed transformers that `find_model` reads as an image-text model, sorted."""
    tables = installed_transformers().tables
    images, text = tables.image_text, tables.causal_lm
    return tuple(sorted(name for name, class_name in images.items() if text.get(name, class_name) == class_name))


def _transformers(version: str | None) -> TransformersText:
    return installed_transformers() if version is None else transformers_in_wheel(transformers_wheel(version))


def _blueprint() -> UpstreamModel:
    text = (files("qeff_codegen.examples.blueprint") / "modeling_blueprint.py").read_text("utf-8")
    return UpstreamModel(
        name=BLUEPRINT,
        display_path="qeff_codegen/examples/blueprint/modeling_blueprint.py",
        module="qeff_codegen.examples.blueprint.modeling_blueprint",
        source=text,
        families=(BLUEPRINT,),
    )


def find_in_transformers(name: str, tree: TransformersText) -> UpstreamModel:
    """The modeling file of `name` in one transformers package: of its causal LM, or else of its image-text model.

    Raises:
        UsageError: it has no such model type, or lacks the file of its class.
        Refusal: the family is there and has neither.
    """
    model_type = _model_type(name, tree)
    causal_lm, image_text = tree.tables.causal_lm, tree.tables.image_text
    class_name = causal_lm.get(model_type) or image_text.get(model_type)
    if class_name is None:
        raise _no_causal_lm(model_type, tree)
    # A class that stands in both tables takes images, whichever of its model types is asked for.
    is_causal_lm = class_name not in image_text.values()
    table, kind = (causal_lm, "causal LM") if is_causal_lm else (image_text, "image-text model")
    found = _defining_file(model_type, class_name, table, tree)
    if found is None:
        raise UsageError(
            f"{tree.title} names {class_name} as the {kind} of `{model_type}`, "
            "but none of its modeling files defines it.\nThe tree seems incomplete: install or unpack it again."
        )
    path, text = found
    families = tuple(sorted(name for name, other in table.items() if other == class_name))
    images = class_name if not is_causal_lm else _image_text_class(families, image_text, text)
    folder = path.split("/")[-2]
    model = UpstreamModel(
        # One package serves all families of one class: it has the name of the family the class was written for.
        name=_identifier(folder if folder in families else model_type if len(families) == 1 else families[0]),
        display_path=f"transformers/{path}",
        module=f"transformers.{path.removesuffix('.py').replace('/', '.')}",
        source=text,
        causal_lm=class_name if is_causal_lm else None,
        named_by=BY_TABLE,
        version=tree.version,
        families=families,
        image_text=images,
        configuration=("", "") if images is None else _below_transformers(*tree.configuration_file(path)),
    )
    return _with_classes_of_others(model, tree) if _TAKES_FROM_ANOTHER.search(text) is not None else model


def _image_text_class(families: tuple[str, ...], image_text: Mapping[str, str], text: str) -> str | None:
    """The image-text class that stands in a causal LM's file beside it, for one of its families."""
    named = {image_text[family] for family in families if family in image_text}
    found = [name for name in sorted(named) if re.search(rf"^class {name}\b", text, re.MULTILINE)]
    return found[0] if len(found) == 1 else None


def _with_classes_of_others(model: UpstreamModel, tree: TransformersText) -> UpstreamModel:
    """The model with the text of what it takes from other families' modeling files."""
    from qeff_codegen.upstream.joined_text import joined
    from qeff_codegen.upstream.module_text import module_text
    from qeff_codegen.upstream.neighbours import Neighbours

    try:
        root = module_text(model.module, model.display_path, model.source)
    except (SyntaxError, ValueError):
        # What reads the file says so, with the line.
        return model
    return joined(model, root, Neighbours(tree))


def _below_transformers(path: str, text: str) -> tuple[str, str]:
    return (f"transformers/{path}" if path else "", text)


def _model_type(name: str, tree: TransformersText) -> str:
    """The model type `name` spells: exactly, or but for `-` and `_`, or in another case."""
    model_type = spelled(name, [*tree.tables.causal_lm, *tree.tables.configurations])
    if model_type is not None:
        return model_type
    names = near(name, [*tree.tables.causal_lm, BLUEPRINT])
    many = len(tree.tables.causal_lm)
    hint = f"Near names: {', '.join(names)}." if names else f"None of its {many} causal LMs has a near name."
    raise UsageError(
        f"{tree.title} has no model `{name}`. {hint}\n"
        "For another release give --transformers VERSION, for a model outside transformers --source "
        f"{name if Path(name).exists() else 'PATH'}."
    )


def _identifier(name: str) -> str:
    """The name of the generated package: `gpt-sw3` becomes `gpt_sw3`."""
    identifier = name.replace("-", "_").replace(".", "_")
    if not identifier.isidentifier() or not identifier.isascii() or keyword.iskeyword(identifier):
        raise UsageError(
            f"`{name}` cannot be a model's name: it becomes the name of a Python package.\n"
            "Give a name such as llama; a path is given with --source PATH."
        )
    return identifier


def _no_causal_lm(model_type: str, tree: TransformersText) -> Refusal:
    parts = [other for other in tree.tables.causal_lm if tree.tables.folder(other) == tree.tables.folder(model_type)]
    return Refusal(
        f"`{model_type}` of {tree.title} has no causal language model",
        rule="upstream",
        expected="an entry in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES of transformers/models/auto/modeling_auto.py",
        next_step=f"generate its text model: {' or '.join(parts)}" if parts else "choose a family that generates text",
    )


def _defining_file(
    model_type: str, class_name: str, table: Mapping[str, str], tree: TransformersText
) -> tuple[str, str] | None:
    """The modeling file that defines `class_name`: the model type's own, that of a type with the same class, or any.

    A type such as `code_llama` has no modeling file: its class is another family's. Until 5.0, what is deprecated
    stands in a folder of its own.
    """
    sharing = [other for other, name in table.items() if name == class_name]
    likely = dict.fromkeys(tree.tables.folder(other) for other in (model_type, *sharing))
    for folder in (*likely, *(f"deprecated/{folder}" for folder in likely), *tree.folders()):
        found = tree.modeling_file(folder, class_name)
        if found is not None:
            return found
    return None
