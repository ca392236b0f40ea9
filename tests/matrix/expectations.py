"""Which releases must work, and every exception, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

# The last release of 4.x, the one that was pinned first, and the newest.
RELEASES = ("4.57.6", "5.5.4", "5.24.0")


@dataclass(frozen=True)
class Refused:
    """A refusal that is right, or known and put up with.

    Attributes:
        rule: id of the rule that refuses; by any other it is a defect.
        reason: why it is not supported.
    """

    rule: str
    reason: str


# Families of the sample that a release has and that cannot run there, by release and family.
NOT_RUN: dict[tuple[str, str], str] = {
    **dict.fromkeys(
        [("4.57.6", "blueprint"), ("5.5.4", "blueprint")],
        "it is written in the idiom of 5.24, and imports what older releases do not have",
    ),
}

# Families of the sample that are refused, by release and family.
REFUSED: dict[tuple[str, str], Refused] = {
    ("4.57.6", "aria_text"): Refused(
        "unsorted_rows", "rows are sorted and counted for the experts in a way that only 4.x has"
    ),
    ("4.57.6", "bert"): Refused("cache_of_layer_stack", "the stack of layers makes the cache, and not the model"),
    ("4.57.6", "dbrx"): Refused("anatomy", "its attention tells the cache its layer as `self.block_idx`"),
    ("4.57.6", "falcon"): Refused("masks_by_builder", "ALiBi is added while the mask is filled in by hand"),
    ("4.57.6", "gpt2"): Refused(
        "cache_from_pairs", "a tuple given as cache is taken apart in a way that only 4.x has"
    ),
    ("4.57.6", "gpt_oss"): Refused(
        "static_control_flow", "experts that were hit are found in a branch that asks for the device"
    ),
    ("4.57.6", "gptj"): Refused(
        "table_rows_by_position", "a method keeps the position table on the device of the positions"
    ),
    ("4.57.6", "jetmoe"): Refused("results_unpacked", "what a layer returns is counted from its end"),
    ("4.57.6", "mpt"): Refused(
        "boolean_mask", "`_prepare_4d_causal_attention_mask` makes its mask, which is made boolean afterwards"
    ),
    ("4.57.6", "whisper"): Refused("boolean_mask", "a slice of the mask is added within the sum of scores"),
}
