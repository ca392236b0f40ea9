"""A processor without its part for videos, which needs torchvision where the part for images needs Pillow alone.

transformers makes all parts of a processor or none. No program takes a video, so a model that could see one is served
all the same where torchvision is not installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers
from transformers import AutoImageProcessor, AutoTokenizer
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES
from transformers.processing_utils import ProcessorMixin

from qeff_codegen.upstream.checkpoint_folder import read_checkpoint_folder

_VIDEOS = "video_processor"


def processor_without_videos(folder: Path) -> Any | None:
    """The processor in `folder` without a part for videos; None where its class is not known, or has no such part.

    Raises:
        Exception: a part cannot be made of the files; parts are of many kinds, each with errors of its own.
    """
    found = read_checkpoint_folder(folder)
    name = PROCESSOR_MAPPING_NAMES.get(found.model_type or "") if found is not None else None
    kind: Any = getattr(transformers, name, None) if name is not None else None
    if kind is None or not issubclass(kind, ProcessorMixin) or _VIDEOS not in kind.get_attributes():
        return None
    own: Any = type(kind.__name__, (_WithoutVideos, kind), {})
    loaders: dict[str, Any] = {"image_processor": AutoImageProcessor, "tokenizer": AutoTokenizer}
    parts = [
        (
            loaders[part].from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            if part in loaders
            else None
        )
        for part in kind.get_attributes()
    ]
    settings, _ = own.get_processor_dict(folder, local_files_only=True)
    made = own.from_args_and_dict(parts, settings)
    return made[0] if isinstance(made, tuple) else made


class _WithoutVideos:
    """Lets a processor have no part for videos."""

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> type[Any]:
        """See `ProcessorMixin`."""
        if argument_name == _VIDEOS and argument is None:
            return type(None)
        kind: type[Any] = super().check_argument_for_proper_class(argument_name, argument)  # type: ignore[misc]
        return kind
