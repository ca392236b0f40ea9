"""The release to go to: every family's source, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_in_transformers
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.upstream.transformers_text import TransformersText

Result = GeneratedModel | Refusal
Generate = Callable[[Sequence[UpstreamModel]], Iterable[Result]]


@dataclass(frozen=True)
class NewRelease:
    """A release with everything that is generated from it.

    Attributes:
        sources: each family's modeling file.
        without_file: why families that are listed have none.
        results: what each package gives, by its name.
    """

    tree: TransformersText
    sources: Mapping[str, UpstreamModel]
    without_file: Mapping[str, Refusal]
    results: Mapping[str, Result]

    def package(self, family: str) -> str:
        """The name of the package that serves, or would serve, a listed family."""
        return self.sources[family].name if family in self.sources else family.replace("-", "_")

    def result(self, family: str) -> Result:
        """What a listed family gives."""
        return self.without_file[family] if family in self.without_file else self.results[self.sources[family].name]


def read_release(tree: TransformersText, generate: Generate) -> NewRelease:
    """Find every family of a release, and generate each package once."""
    sources: dict[str, UpstreamModel] = {}
    without_file: dict[str, Refusal] = {}
    for family, class_name in sorted({**tree.tables.image_text, **tree.tables.causal_lm}.items()):
        try:
            sources[family] = find_in_transformers(family, tree)
        except UsageError:
            what = f"{class_name} is listed as its class, and no modeling file defines it"
            without_file[family] = Refusal(what, rule="upstream", expected=f"models/{tree.tables.folder(family)}")
    packages = {source.name: source for source in sources.values()}
    results = dict(zip(packages, generate(list(packages.values())), strict=True))
    return NewRelease(tree, sources, without_file, results)
