"""The sizes that the two programs of an image-text model are made for.

Axes are those of QEfficient's own models: `vision_size` is what a row of image embeddings has room for, and
`vision_batch_size` how many rows there are, those of a prefill call.
"""

from __future__ import annotations

from collections.abc import Sequence

from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.specializations import specializations_for
from qeff_codegen.export.graph_io import LayerShapes
from qeff_codegen.export.specialization import Specialization
from qeff_codegen.export.vision_export import IMG_SIZE, OneImageSpec, VisionSpec

VISION = "Vision"


def language_specializations(
    layers: Sequence[LayerShapes], options: CompileOptions, vision_size: int
) -> list[Specialization]:
    """The programs for text, each with the axes of the image embeddings."""
    of_images = {"vision_batch_size": options.batch_size, "vision_size": vision_size}
    return [
        Specialization(item.name, dict(sorted((item.symbols | of_images).items())))
        for item in specializations_for(layers, options)
    ]


def vision_specializations(spec: VisionSpec | OneImageSpec, num_images: int) -> list[Specialization]:
    """The programs for images, one for each size; a call takes `num_images` of them, or one where sizes are fixed."""
    if isinstance(spec, OneImageSpec):
        return [Specialization(VISION, {})]
    if len(spec.sizes) == 1:
        return [Specialization(VISION, {"batch_size": num_images})]
    return [
        Specialization(f"{VISION}_{index}", {"batch_size": num_images, IMG_SIZE: height})
        for index, (height, _) in enumerate(spec.sizes)
    ]
