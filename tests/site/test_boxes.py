"""The picture of a model: who holds whom, and what leads from embedding to logits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.review.facts import Review, review_of
from qeff_codegen.site.boxes import Box, boxes
from qeff_codegen.site.picture import GAP, HEAD, PAD, WIDTH, picture
from qeff_codegen.upstream.find import find_model


def outline(box: Box, depth: int = 0) -> Iterator[str]:
    yield f"{'  ' * depth}{box.role} {box.name}"
    for inner in box.inside:
        yield from outline(inner, depth + 1)


def flat(found: tuple[Box, ...]) -> list[Box]:
    return [item for box in found for item in (box, *flat(box.inside))]


def test_from_embedding_to_logits(review: Review) -> None:
    (box,) = boxes(review)
    assert list(outline(box)) == [
        "causal LM TinyForCausalLM",
        "  model TinyModel",
        "    rotary embedding TinyRotaryEmbedding",
        "    embedding self.embed_tokens",
        "    decoder layer TinyDecoderLayer",
        "      RMS norm TinyRMSNorm",
        "      attention TinyAttention",
        "        attention function eager_attention_forward",
        "  LM head self.lm_head",
    ]


@pytest.mark.parametrize("name", ["gpt2", "roberta", "whisper", "llava"])
def test_every_role_is_drawn(name: str, review: Review, tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = tmp_path_factory.mktemp("nowhere")
    found = review_of(generate_model(find_model(name)), nowhere, nowhere, {})
    drawn = flat(boxes(found))
    assert {(role.role, role.name, role.line) for role in found.model.roles} <= {
        (box.role, box.name, box.line) for box in drawn
    }
    assert drawn[-1].role == "LM head"


def test_lines_are_those_of_hunks(review: Review) -> None:
    found = {box.name: box for box in flat(boxes(review))}
    own = [hunk for hunk in review.hunks if hunk.name.split(".")[0] == "TinyAttention"]
    attention = found["TinyAttention"]
    assert (attention.hunks, attention.added) == (len(own), sum(len(hunk.generated) for hunk in own))
    assert attention.place == f"hunk-{review.hunks.index(own[0]) + 1}"
    assert (found["TinyRMSNorm"].place, found["TinyRMSNorm"].change) == ("mapping", "replaced")
    assert "class TinyAttention" in review.model.upstream.lines[attention.line - 1]
    assert "self.lm_head" in review.model.upstream.lines[found["self.lm_head"].line - 1]


def test_boxes_stand_in_the_box_that_holds_them_and_beside_no_other(review: Review) -> None:
    drawn = picture(boxes(review))
    places = {id(item.box): item for item in drawn.placed}
    for item in drawn.placed:
        edge = item.y + HEAD
        for inner in item.box.inside:
            place = places[id(inner)]
            assert (place.x, place.width) == (item.x + PAD, item.width - 2 * PAD)
            assert place.y == edge + GAP
            edge = place.y + place.height
        assert edge <= item.y + item.height
    assert drawn.placed[0].width == WIDTH and drawn.height > drawn.placed[0].height


def test_arrows_lead_along_the_hidden_states(review: Review) -> None:
    drawn = picture(boxes(review))
    tops = {item.y: item.box.role for item in drawn.placed}
    reached = [tops[bottom] for _, bottom in drawn.arrows if bottom in tops]
    assert reached == ["causal LM", "decoder layer", "LM head"]
