"""Write the numbers and lists of README and docs that follow from what is checked in: `python -m tests.docs.written`.

Where one stands, comments that no reader of the page sees say which it is:

    <!-- written: name -->41 of 100<!-- end -->
"""

from __future__ import annotations

import difflib
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from qeff_codegen.checked_in import manifest
from qeff_codegen.checked_in.layout import modeling_path
from qeff_codegen.checked_in.manifest import Manifest
from qeff_codegen.coverage.family_result import STATES
from qeff_codegen.coverage.known import Known, all_known
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.review.facts import review_of
from qeff_codegen.review.page import as_html
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.transformers_text import installed_transformers
from tests.imports import ROOT

GENERATED = ROOT / "generated"
NOWHERE = Path("nowhere")
_MARKED = re.compile(r"(<!-- written: ([\w -]+) -->)(.*?)(<!-- end -->)", re.DOTALL)
_WIDTH = 125


def pages() -> list[Path]:
    """The pages in which something may be written."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def written(text: str, facts: Mapping[str, Callable[[], str]]) -> str:
    """A page's text with every marked place as it is now.

    Raises:
        KeyError: a mark names nothing that is known.
    """

    def replaced(found: re.Match[str]) -> str:
        begin, name, _, end = found.groups()
        return begin + facts[name]() + end

    return _MARKED.sub(replaced, text)


def marks(text: str) -> list[str]:
    """The names of all marked places."""
    return [found[2] for found in _MARKED.finditer(text)]


def swept() -> str:
    """How many families the last sweep looked at, and what became of them."""
    results = _results()
    (release,) = {found.transformers for found in results.values()}
    counts = Counter(found.result.state for found in results.values())
    states = " and ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    others = len(results.keys() - _causal_lms().keys())
    families = f"{len(results) - others} families of transformers {release} that have a causal LM"
    return f"{families}{f' and {others} image-text models that have none' if others else ''}: {states}"


def since_the_sweep() -> str:
    """The families with a causal LM that are checked in, and which of them the last sweep refused."""
    results = _results()
    served = sorted(_served() & _causal_lms().keys())
    later = [family for family in served if family in results and results[family].is_refused]
    text = f"{len(served)} families with a causal LM are checked in."
    if later:
        text += f" {len(later)} of them came after the last sweep, whose page has them as refused: {_listed(later)}."
    return _paragraph(text)


def image_text_models() -> str:
    """Which image-text models are checked in."""
    found = _image_text_served()
    return _paragraph(
        f"{len(found)} of the {len(_image_texts())} families of transformers' table pass: {_listed(found)}."
    )


def image_text_refused() -> str:
    """How many image-text models are not checked in."""
    count = len(_image_texts())
    return f"{count - len(_image_text_served())} of {count} image-text models"


def compute_context_length() -> str:
    """How far one feature reaches into what is generated."""
    files = [modeling_path(GENERATED, name).read_text("utf-8").splitlines() for name in _manifest().models]
    lines = sum("comp_ctx_lengths" in line for text in files for line in text)
    return f"{lines:,} lines in the {len(files)} generated modeling files"


def checked() -> str:
    """What `check` says when all is current."""
    return f"\n```\ncurrent       {len(_manifest().models)} models, with mapping entries and manifest\n```\n"


def review_pages() -> str:
    """How large the review pages of llama and of the longest generated file are, without results of validation.

    In tens of kilobytes, so that not every change of a word is one of this number.
    """
    longest = max(_manifest().models, key=lambda name: modeling_path(GENERATED, name).stat().st_size)
    return f"llama's is about {_page_size('llama')} kB, that of {longest}, the longest file, {_page_size(longest)} kB"


FACTS: Mapping[str, Callable[[], str]] = {
    "swept": swept,
    "since the sweep": since_the_sweep,
    "image-text models": image_text_models,
    "image-text refused": image_text_refused,
    "compute-context-length": compute_context_length,
    "checked": checked,
    "review pages": review_pages,
}


def not_current() -> str:
    """How the pages differ from what they would be if they were written now, as a diff; empty where they do not."""
    lines: list[str] = []
    for path in pages():
        text = path.read_text("utf-8")
        name = path.relative_to(ROOT).as_posix()
        lines += difflib.unified_diff(
            text.splitlines(), written(text, FACTS).splitlines(), name, name, lineterm="", n=0
        )
    return "\n".join(lines)


def main() -> None:
    """Write every page that is not as it would be written."""
    for path in pages():
        text = path.read_text("utf-8")
        now = written(text, FACTS)
        if now != text:
            path.write_text(now, encoding="utf-8")
            print(f"written    {path.relative_to(ROOT)}")


@cache
def _page_size(name: str) -> int:
    review = review_of(generate_model(find_model(name)), NOWHERE, NOWHERE, {})
    return round(len(as_html(review, None).encode()), -4) // 1000


@cache
def _manifest() -> Manifest:
    return manifest.load(GENERATED)


@cache
def _results() -> dict[str, Known]:
    return all_known()


def _served() -> set[str]:
    return {family for entry in _manifest().models.values() for family in entry.families}


def _causal_lms() -> Mapping[str, str]:
    return installed_transformers().tables.causal_lm


def _image_texts() -> Mapping[str, str]:
    return installed_transformers().tables.image_text


def _image_text_served() -> list[str]:
    """Families of the table whose image-text class is served; of others the text model alone may be."""
    found = []
    for entry in _manifest().models.values():
        replaced = {mapping.upstream_class for mapping in entry.mappings}
        found += [family for family in entry.families if _image_texts().get(family) in replaced]
    return sorted(found)


def _paragraph(text: str) -> str:
    """The text between two lines of comment, as wide as the paragraphs around it."""
    return f"\n{textwrap.fill(text, _WIDTH, break_on_hyphens=False, break_long_words=False)}\n"


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


if __name__ == "__main__":
    main()
