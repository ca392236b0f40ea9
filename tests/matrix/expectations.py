"""Which releases must work, and every exception, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from tests.sample import SAMPLE

# The last release of 4.x, the one that was pinned first, and the newest.
RELEASES = ("4.57.6", "5.5.4", "5.24.0")

# Families with layers that keep a state, for each kind of state and each way in which releases write it.
WITH_STATES = {
    "lfm2": "a window, of a convolution alone",
    "bamba": "Mamba-2 beside attention",
    "mamba2": "Mamba-2 without attention, behind a split by a length",
    "zamba2": "Mamba-2, and attention whose weights layers share",
    "falcon_h1": "Mamba-2 and attention in one layer",
    "mamba": "Mamba-1 without attention",
    "jamba": "Mamba-1 beside attention and experts",
    "zamba": "Mamba-1 head by head",
    "qwen3_next": "the gated delta rule",
    "olmo_hybrid": "the gated delta rule behind a convolution for each of queries, keys and values",
    "minimax": "lightning attention, in a cache of the file's own",
    "recurrent_gemma": "a window and a linear recurrence that modules keep",
}
FAMILIES = (*SAMPLE, *WITH_STATES)


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
    **{
        ("4.57.6", family): Refused("anatomy", "its mixers write their states by interfaces of each family's own")
        for family in WITH_STATES
        if family not in ("minimax", "olmo_hybrid")
    },
    ("4.57.6", "minimax"): Refused("cache_of_the_file", "its cache gives more than one tensor a layer"),
    ("5.5.4", "falcon_h1"): Refused("tokens_apart", "its gated norm drops the axis of tokens for one token alone"),
    ("5.5.4", "olmo_hybrid"): Refused("anatomy", "it keeps three windows a layer in a cache of the file's own"),
    ("5.5.4", "recurrent_gemma"): Refused("nothing_recorded", "its causal LM records hidden states in every call"),
}
