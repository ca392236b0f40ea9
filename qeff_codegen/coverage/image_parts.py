"""What an image-text family is made of, as the page of coverage has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageParts:
    """The parts of one image-text family.

    Attributes:
        vision_tower: model type of its vision configuration; empty where it has none.
        text_model: model type of its text model.
        rewritten: functions between pixels and text model that are generated, by upstream's qualified names. All other
            code of the tower is upstream's own.
    """

    vision_tower: str
    text_model: str
    rewritten: tuple[str, ...]
