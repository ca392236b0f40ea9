"""What `apply` changes in a checkout, worked out in full before the first byte is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qeff_codegen.checkout.checkout import (
    CONFIGURATIONS,
    GENERATED,
    IMAGE_CONFIGURATIONS,
    MODELS_TABLE,
    TRANSFORMS,
    Checkout,
    path_of,
)
from qeff_codegen.checkout.configurations_file import IMAGE_LIST, has_configuration, with_configuration
from qeff_codegen.checkout.family_text import (
    FEATURE_SOURCES,
    ForwardFeature,
    forward_features,
    initializer_text,
    with_mappings,
)
from qeff_codegen.checkout.matched_by_name import check_no_name_matches
from qeff_codegen.checkout.models_table import IMAGE_HEADING, with_row
from qeff_codegen.checkout.python_file import RULE
from qeff_codegen.checkout.replace import in_module, is_bare, replacement
from qeff_codegen.checkout.tiny_configuration import tiny_configuration
from qeff_codegen.checkout.transforms_file import TransformsFile, read_transforms_file
from qeff_codegen.checkout.upstream_configuration import UpstreamConfiguration, read_configuration
from qeff_codegen.errors import DifferencesError, Location, Refusal
from qeff_codegen.files.differences import differences
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.transformers_text import transformers_in_wheel
from qeff_codegen.upstream.wheel import transformers_wheel

MODELS_PACKAGE = "QEfficient.transformers.models."
SHOWN_LINES = 20


@dataclass
class Pending:
    """A checkout's files as they are, under those that are about to be written.

    Attributes:
        texts: new texts, by paths relative to the checkout.
    """

    checkout: Checkout
    texts: dict[Path, str] = field(default_factory=dict)

    def read(self, path: Path) -> str | None:
        """A file's text as it will be; None when there is none."""
        return self.texts[path] if path in self.texts else self.checkout.read(path)

    def needed(self, path: Path) -> str:
        """A file's text as it will be.

        Raises:
            Refusal: there is no such file.
        """
        text = self.read(path)
        if text is None:
            raise Refusal(
                f"the checkout has no {path.as_posix()}",
                rule=RULE,
                expected="the file, as the checkout's main branch has it",
                next_step="restore it with git checkout",
            )
        return text

    @property
    def changed(self) -> dict[Path, str]:
        """The new texts of files that hold something else."""
        return {path: text for path, text in self.texts.items() if self.checkout.read(path) != text}


@dataclass(frozen=True)
class FamilyChange:
    """What one model brings into a checkout.

    Attributes:
        texts: the files, by paths relative to the checkout, each in full.
        features: which sets of `pytorch_transforms.py` its causal LM is in, and why not in the others; none of an
            image-text model.
        configuration: what upstream's configuration file says; None where there is none.
        has_test: whether the checkout's tests have a configuration of it then.
        has_row: whether the table of validated models has a row of it then.
        notices: places of the checkout's own code that a reader should look at, a line each.
    """

    model: GeneratedModel
    texts: Mapping[Path, str]
    features: tuple[ForwardFeature, ...]
    configuration: UpstreamConfiguration | None
    has_test: bool
    has_row: bool
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class HandWritten:
    """What somebody wrote for a family.

    Attributes:
        path: the file, relative to the checkout.
        location: the line that says so.
    """

    path: Path
    location: Location


def family_change(pending: Pending, model: GeneratedModel, *, replace: bool) -> FamilyChange:
    """Work out the texts of one model.

    Raises:
        Refusal: a file of the checkout is not in the form that its edit needs, or the family is written by hand.
        DifferencesError: its generated files were edited, and `replace` is not given.
    """
    if model.upstream.image_text is not None:
        return _with_images(pending, model, replace=replace)
    sources = {transform: pending.needed(path) for transform, path in FEATURE_SOURCES.items()}
    features = forward_features(model, sources)
    texts, notices = code_texts(pending, model, features, replace=replace)
    configuration = _configuration(model, pending.checkout)
    table, tests = pending.needed(MODELS_TABLE), pending.needed(CONFIGURATIONS)
    model_type = configuration.model_type if configuration else model.name
    if configuration is not None and configuration.checkpoint is not None:
        checkpoint, title = configuration.checkpoint, configuration.title or model.name
        table = with_row(table, MODELS_TABLE, model.whole_class, title, checkpoint)
        tests = with_configuration(tests, CONFIGURATIONS, checkpoint, model_type, tiny_configuration(configuration))
    return FamilyChange(
        model,
        {**texts, CONFIGURATIONS: tests, MODELS_TABLE: table},
        features,
        configuration,
        has_configuration(tests, CONFIGURATIONS, model_type),
        f"**{model.whole_class}**" in table,
        notices,
    )


def _with_images(pending: Pending, model: GeneratedModel, *, replace: bool) -> FamilyChange:
    """The same for an image-text model, whose tests need more than sizes: an image, and a prompt about it."""
    texts, notices = code_texts(pending, model, (), replace=replace)
    configuration = _configuration(model, pending.checkout)
    table, tests = pending.needed(MODELS_TABLE), pending.read(IMAGE_CONFIGURATIONS)
    if configuration is not None and configuration.checkpoint is not None:
        checkpoint, title = configuration.checkpoint, configuration.title or model.name
        table = with_row(table, MODELS_TABLE, model.whole_class, title, checkpoint, IMAGE_HEADING)
    model_type = configuration.model_type if configuration else model.name
    return FamilyChange(
        model,
        {**texts, MODELS_TABLE: table},
        (),
        configuration,
        tests is not None and has_configuration(tests, IMAGE_CONFIGURATIONS, model_type, IMAGE_LIST),
        f"**{model.whole_class}**" in table,
        notices,
    )


def code_texts(
    pending: Pending, model: GeneratedModel, features: tuple[ForwardFeature, ...], *, replace: bool
) -> tuple[dict[Path, str], tuple[str, ...]]:
    """The package of a model and `pytorch_transforms.py`, in full, and what a reader should look at.

    Raises:
        Refusal: the family is written by hand, the file has another form, or a class of the model has a name that
            the checkout gives hand-written methods to.
        DifferencesError: generated files were edited, and `replace` is not given.
    """
    transforms = pending.needed(TRANSFORMS)
    check_no_name_matches(model, transforms)
    by_hand = hand_written(pending, model, read_transforms_file(transforms, TRANSFORMS.as_posix()))
    if by_hand is not None and not replace:
        raise _by_hand(by_hand, model)
    place = replacement(pending, model, transforms)
    placed = in_module(model, place.module)
    files = (
        {}
        if is_bare(pending.read(place.initializer), place.initializer)
        else {place.initializer: initializer_text(placed)}
    )
    files[place.path] = model.code + place.ending
    if not replace:
        _check_not_edited(pending, files)
    mapped = with_mappings(place.texts[TRANSFORMS], placed, features)
    return {**files, **place.texts, TRANSFORMS: mapped}, place.notices


def hand_written(pending: Pending, model: GeneratedModel, transforms: TransformsFile) -> HandWritten | None:
    """What stands in the checkout for the model already and was not generated; None when nothing does."""
    for entry in model.mappings:
        known = transforms.mapping(entry.transform).entry(
            transforms.local_name(model.upstream.module, entry.upstream_class) or ""
        )
        module, _ = (transforms.origin(known.replacement or "") if known else None) or ("", "")
        # What stands elsewhere is no family's: the compiler's own operators.
        if known is not None and module.startswith(MODELS_PACKAGE):
            path = path_of(module)
            if GENERATED not in (pending.read(path) or ""):
                return HandWritten(path, Location(transforms.path, known.line, transforms.lines[known.line - 1]))
    path = pending.checkout.modeling(model.name)
    found = pending.read(path)
    if found is not None and found.strip() and GENERATED not in found:
        return HandWritten(path, Location(path.as_posix(), 1, found.splitlines()[0]))
    return _mapped_by_name(model, transforms)


def _mapped_by_name(model: GeneratedModel, transforms: TransformsFile) -> HandWritten | None:
    """The line that gives methods to the model as a whole by the name of its class."""
    mark = f'"{model.whole_class}": {{'
    found = [number for number, line in enumerate(transforms.lines, start=1) if line.strip().startswith(mark)]
    if not found:
        return None
    return HandWritten(TRANSFORMS, Location(transforms.path, found[0], transforms.lines[found[0] - 1]))


def _by_hand(found: HandWritten, model: GeneratedModel) -> Refusal:
    return Refusal(
        f"the checkout has `{model.name}` already, written by hand in {found.path.as_posix()}",
        rule=RULE,
        location=found.location,
        expected="nothing of that name, and no entry for its classes but generated ones",
        next_step="keep it, or give --replace to put the generated file in its place",
    )


def _check_not_edited(pending: Pending, files: Mapping[Path, str]) -> None:
    edited = {}
    for path, text in files.items():
        found = pending.read(path)
        if found is not None and found.strip() and found != text:
            edited[path] = differences(text, found, ("generated", "on disk"), context=0)
    if edited:
        shown = [
            f"{path.as_posix()} is not what would be generated; it is left as it is.\n" + _first_lines(lines)
            for path, lines in edited.items()
        ]
        raise DifferencesError(
            "\n".join(shown) + "\nIt was edited by hand, or another version of the rules wrote it. "
            "Give --replace to overwrite it."
        )


def _first_lines(lines: list[str]) -> str:
    more = len(lines) - SHOWN_LINES
    return "\n".join([*lines[:SHOWN_LINES], *([f"... and {more} more lines"] if more > 0 else [])])


def _configuration(model: GeneratedModel, checkout: Checkout) -> UpstreamConfiguration | None:
    families = model.upstream.families
    own = [family for family in families if family.replace("-", "_") == model.name]
    tree = transformers_in_wheel(transformers_wheel(checkout.transformers))
    of_whole = model.upstream.image_text is not None
    return next(
        (found for name in (*own, *families) if (found := read_configuration(name, tree, of_whole=of_whole))), None
    )
