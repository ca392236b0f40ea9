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
    ("4.57.6", "bert"): Refused("cache_of_layer_stack", "the stack of layers makes the cache, and not the model"),
    ("4.57.6", "dbrx"): Refused("anatomy", "its attention tells the cache its layer as `self.block_idx`"),
}
