"""What one image-text family is put through: every variant, every scenario."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from qeff_codegen.errors import UsageError
from qeff_codegen.tiny_models.configurations import Variant
from qeff_codegen.tiny_models.image_families import ImageFamily, build_image_config, image_variants
from qeff_codegen.validation.bench import Runtime
from qeff_codegen.validation.family_plan import without_reference
from qeff_codegen.validation.image_scenarios import names_of
from qeff_codegen.validation.image_subject import image_subject
from qeff_codegen.validation.results import Row, ScenarioFinished, StageStarted
from qeff_codegen.validation.stages import ALL_STAGES, run_stages


class ImageTextRuntime(Runtime, Protocol):
    """What makes the two programs of an upstream model, and runs them."""

    def both_ways(self, upstream_class: type[Any], config: Any) -> str | None:
        """Whose tokens attend to one another both ways in the programs, `image` or `prompt`; None where none do.

        Args:
            upstream_class: the image-text class.
            config: of the model, which may be what says so.
        """

    def takes_sizes(self, upstream_class: type[Any]) -> bool:
        """Whether a prompt may have images of two sizes."""

    def layouts(self, model: Any) -> list[Any]:
        """How images are laid out: one of the tiny size, and one of another, where there are two."""


@dataclass(frozen=True)
class ImagePlan:
    """See `Plan`: one family's variants, to be run as two programs, up to `last_stage`."""

    family: ImageFamily
    runtime: ImageTextRuntime
    variants: tuple[Variant, ...]
    last_stage: int = ALL_STAGES

    def _both_ways(self, variant: Variant) -> str | None:
        return self.runtime.both_ways(self.family.model_class, build_image_config(self.family, variant))

    def rows(self) -> Iterator[Row]:
        """The rows of the report, in the order in which they run."""
        for variant in self.variants:
            two_sizes = self.runtime.takes_sizes(self.family.model_class)
            for name in names_of(variant.kind, self._both_ways(variant), two_sizes=two_sizes):
                yield Row(self.family.name, variant.name, name)

    def run(self) -> Iterator[StageStarted | ScenarioFinished]:
        """Run everything; whatever upstream's or generated code raises is a scenario's result."""
        for variant in self.variants:
            rows = [row for row in self.rows() if row.variant == variant.name]
            yield from (StageStarted(row, 1) for row in rows)
            try:
                subject = image_subject(self.family, variant, self._both_ways(variant), self.runtime.layouts)
            except Exception as error:  # upstream's code may raise anything
                yield from (ScenarioFinished(row, without_reference(row, error)) for row in rows)
            else:
                yield from run_stages(subject, self.runtime, self.last_stage)


def image_plan_for(family: ImageFamily, runtime: ImageTextRuntime, last_stage: int = ALL_STAGES) -> ImagePlan:
    """All variants of `family`.

    Raises:
        UsageError: no tiny configuration of it is known, so nothing can be compared.
    """
    try:
        found = image_variants(family)
    except Exception as error:  # configuration classes raise what they like
        raise UsageError(
            f"`{family.name}` cannot be validated: no tiny configuration of it can be made. {error}\n"
            "What it needs is told in qeff_codegen/tiny_models/image_families.py."
        ) from error
    return ImagePlan(family, runtime, found, last_stage)
