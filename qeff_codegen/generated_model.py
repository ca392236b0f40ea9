"""What one run of the generator yields, before anything is written to disk."""

from __future__ import annotations

from dataclasses import dataclass

from qeff_codegen.upstream.source import UpstreamModel

# The role of what stands for the model as a whole, and that of one that takes images.
CAUSAL_LM = "causal LM"
IMAGE_TEXT = "image-text model"
# The role of a class that takes images, where only the causal LM beside it is generated.
IMAGES_REFUSED = "images refused"


@dataclass(frozen=True)
class MappingEntry:
    """One line of a `_module_mapping`: upstream's class becomes ours when the transform runs.

    Attributes:
        transform: `CustomOpsTransform` or `KVCacheTransform`.
        upstream_class: class name in upstream's modeling module.
        replacement: class name that takes its place.
        replacement_module: module the replacement is imported from.
        upstream_module: the module that upstream's class is in, where that is not the model's own modeling module.
    """

    transform: str
    upstream_class: str
    replacement: str
    replacement_module: str
    upstream_module: str | None = None


@dataclass(frozen=True)
class Edit:
    """One hunk that one rule made, or one step of putting the file together.

    Attributes:
        rule: id of the rule, or of the step (`qeff_codegen.emit.steps`).
        function: qualified upstream name, such as `FooAttention.forward`; empty outside of classes and functions.
        upstream_lines: 1-based inclusive span in upstream's file, or None for lines with no upstream counterpart.
        generated_lines: 1-based inclusive span in the generated file, or None for lines that were removed.
    """

    rule: str
    function: str
    upstream_lines: tuple[int, int] | None
    generated_lines: tuple[int, int] | None


@dataclass(frozen=True)
class RoleFound:
    """A role recognised in upstream's file, and the reasons that convinced the recogniser."""

    role: str
    name: str
    line: int
    because: tuple[str, ...]


@dataclass(frozen=True)
class GeneratedModel:
    """Everything known about one generated model.

    Attributes:
        name: the model name the user asked for, such as `llama`.
        upstream: the source it was made from.
        code: the full text of `generated/<name>/modeling_<name>.py`.
        mappings: entries for `generated/pytorch_transforms.py`, in a fixed order.
        roles: what was recognised.
        edits: every hunk, in the order of the generated file.
        rules: ids of all rules that ran, in order, with how many places each matched.
        origins: for every line of `code`, the 1-based line of upstream's file that it is; None for other lines.
        looked_at: ids of the rules that looked into a function of it; None where that is not known.
    """

    name: str
    upstream: UpstreamModel
    code: str
    mappings: tuple[MappingEntry, ...]
    roles: tuple[RoleFound, ...]
    edits: tuple[Edit, ...]
    rules: tuple[tuple[str, int], ...]
    origins: tuple[int | None, ...] = ()
    looked_at: tuple[str, ...] | None = None

    @property
    def whole_class(self) -> str:
        """Upstream's class that stands for the model as a whole."""
        return next(found.name for found in self.roles if found.role in (CAUSAL_LM, IMAGE_TEXT))
