"""The diff for the terminal."""

from __future__ import annotations

from qeff_codegen.review.changes import Hunk
from qeff_codegen.review.facts import Review
from qeff_codegen.review.terminal import as_diff, hunk_header


def test_a_hunk_is_headed_by_place_rule_and_reason(review: Review) -> None:
    hunk = next(hunk for hunk in review.hunks if hunk.owners == ("boolean_mask",))
    assert (
        "     if attention_mask is not None:\n"
        f"@@ -{hunk.upstream.start} +{hunk.generated.start} @@ eager_attention_forward\n"
        f"# boolean_mask: {review.why('boolean_mask')}\n"
        "-        attn_weights = attn_weights + attention_mask\n"
        "+        attn_weights = torch.where(attention_mask, MIN_MASKED_ATTENTION_VALUE, attn_weights)\n"
        "     attn_weights = nn.functional.softmax(attn_weights, dim=-1)\n"
    ) in as_diff(review).plain


def test_removed_and_added_lines_differ_in_style(review: Review) -> None:
    diff = as_diff(review)
    styles = {diff.plain[span.start]: str(span.style) for span in diff.spans if diff.plain[span.start] in "+-"}
    assert styles["-"] == "red" and styles["+"] == "green"


def test_header_counts_lines_as_diffs_do() -> None:
    assert hunk_header(Hunk(("one",), "f", range(3, 4), range(0))) == "@@ -3 +0,0 @@ f"
    assert hunk_header(Hunk(("one",), "", range(3, 6), range(7, 9))) == "@@ -3,3 +7,2 @@"
