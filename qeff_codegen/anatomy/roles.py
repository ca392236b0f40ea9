"""The parts a decoder is made of, by the names the field uses."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a class or function of a modeling file does in the decoder."""

    CAUSAL_LM = "causal LM"
    MODEL = "model"
    LAYER_STACK = "layer stack"
    DECODER_LAYER = "decoder layer"
    ATTENTION_WRAPPER = "attention wrapper"
    ATTENTION = "attention"
    STATE_MIXER = "state mixer"
    INDEXER = "indexer"
    ATTENTION_FUNCTION = "attention function"
    HELPER_FUNCTION = "helper function"
    EMBEDDINGS = "embeddings"
    ROTARY_EMBEDDING = "rotary embedding"
    EXPERTS = "experts"
    LISTED_EXPERTS = "experts in a list"
    EXPERTS_IN_LIST = "list of experts"
    EXPERT = "one expert"
    EXPERT_ROUTER = "expert router"
    EXPERT_DISPATCHER = "expert dispatcher"
    EXPERT_CARRIER = "carrier of rows to expert projections"
    EXPERT_PROJECTION = "expert projection"
    DENSE_EXPERTS = "experts of every token"
    DENSE_DISPATCHER = "dispatcher to every expert"
    ADAPTERS = "adapters of rows"
    RMS_NORM = "RMS norm"


# The call path of a forward pass, outermost first: what the cache and position_ids travel along.
CALL_PATH = (
    Role.CAUSAL_LM,
    Role.MODEL,
    Role.LAYER_STACK,
    Role.DECODER_LAYER,
    Role.ATTENTION_WRAPPER,
    Role.ATTENTION,
    Role.STATE_MIXER,
    Role.INDEXER,
)
# Where the path ends: what reads and writes the cache.
INNERMOST = (Role.ATTENTION, Role.STATE_MIXER, Role.INDEXER)
# What stands beside an attention, or in it, and not between others.
BESIDE = (Role.STATE_MIXER, Role.INDEXER)
