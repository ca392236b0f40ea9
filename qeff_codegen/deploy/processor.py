"""A checkpoint's processor: transformers' own, which makes tokens and pixels of a prompt and its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoProcessor

from qeff_codegen.decoding.text import prompt_tokens
from qeff_codegen.deploy.processor_without_videos import processor_without_videos
from qeff_codegen.errors import UsageError

# One of the first two says how images become pixels, one of the others how text becomes tokens.
_OF_IMAGES = ("processor_config.json", "preprocessor_config.json")
_OF_TEXT = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")


@dataclass(frozen=True)
class LoadedProcessor:
    """A processor, or why there is none.

    Attributes:
        processor: transformers' own, or None.
        missing: what is missing, where, and what to do, for a message; empty where there is a processor.
    """

    processor: Any
    missing: str = ""


@dataclass(frozen=True)
class Prepared:
    """What a processor makes of a prompt.

    Attributes:
        tokens: token ids; each image's tokens stand where its embeddings go.
        made: all that it made of a prompt with images, by the names that upstream's model takes; empty for text alone.
    """

    tokens: list[int]
    made: dict[str, torch.Tensor]


def load_processor(folder: Path) -> LoadedProcessor:
    """The processor in `folder`; a model without one can be exported and compiled all the same."""
    lacking = [names for names in (_OF_IMAGES, _OF_TEXT) if not any((folder / name).is_file() for name in names)]
    if lacking:
        missing = " and ".join(f"none of {', '.join(names)}" for names in lacking)
        return LoadedProcessor(
            None,
            f"{folder} has no processor, which infer needs: {missing} is there. Copy the processor's files into that "
            "folder from where the model comes from.",
        )
    try:
        return LoadedProcessor(_load(folder))
    except Exception as error:  # processors of many kinds, each with errors of its own
        first_line = (str(error).strip().splitlines() or ["no reason given"])[0]
        return LoadedProcessor(
            None,
            f"{folder} has files that give no processor ({type(error).__name__}: {first_line}). Install what that "
            "names, or copy the files again from where the model comes from.",
        )


def _load(folder: Path) -> Any:
    try:
        return AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except ImportError:  # of torchvision, which a part for videos needs
        without = processor_without_videos(folder)
        if without is None:
            raise
        return without


def open_image(path: Path) -> Any:
    """The image in a file, with all of its pixels read.

    Raises:
        UsageError: Pillow is not installed, or the file holds no image that it reads.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise UsageError(
            "Reading an image needs the package `pillow`, which is not installed.\n"
            "Run `pip install 'qeff_codegen[run]'`."
        ) from error
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, ValueError) as error:  # of unknown formats, truncated files and images that are too large
        raise UsageError(f"{path} is no image that can be read: {error}") from error


def prepare(processor: Any, prompt: str, images: Sequence[Any]) -> Prepared:
    """The prompt's tokens and what goes with its images, as the processor makes them.

    Where the processor has a chat template, the prompt is a chat, and images that it does not place itself come before
    it; otherwise the prompt says where each image stands, by the processor's image token.

    Args:
        processor: transformers' own.
        prompt: a text; it may hold image tokens.
        images: its images, in the order of their places.

    Raises:
        UsageError: the prompt has another number of places than images, or the processor cannot make anything of it.
    """
    image_token = str(getattr(processor, "image_token", ""))
    places = prompt.count(image_token) if image_token else 0
    has_template = getattr(processor, "chat_template", None) is not None
    if images and not image_token and not has_template:
        raise UsageError(
            "the processor has neither an image token nor a chat template, so nobody can say where an image stands. "
            "Copy the processor's files that belong to this model."
        )
    if places != len(images) and (places or not has_template):
        raise UsageError(
            f"the prompt has {places} places for images ({image_token}), and {len(images)} images are given. Write "
            f"{image_token} once for each image, where it stands"
            + (", or leave it out: then images come before the text." if has_template else ".")
        )
    if not images:
        return Prepared(_text_alone(processor, prompt), {})
    arguments: dict[str, Any] = {"text": [prompt], "images": list(images), "return_tensors": "pt"}
    if has_template:
        content = [] if places else [{"type": "image"} for _ in images]
        chat = [{"role": "user", "content": [*content, {"type": "text", "text": prompt}]}]
        text = _as_chat(processor, chat)
        # The template writes the special tokens itself.
        arguments |= {"text": [text], "add_special_tokens": False}
    try:
        made = processor(**arguments)
    except Exception as error:  # processors of many kinds, each with errors of its own
        raise UsageError(f"the processor takes neither prompt nor images: {type(error).__name__}: {error}") from error
    return Prepared(made["input_ids"][0].tolist(), {name: torch.as_tensor(value) for name, value in made.items()})


def _as_chat(processor: Any, chat: list[dict[str, Any]]) -> str:
    """The chat as the processor's template writes it.

    Raises:
        UsageError: the template cannot write such a chat.
    """
    try:
        return str(processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))
    except Exception as error:  # a template is a program of its own
        raise UsageError(
            f"the processor's chat template cannot write the prompt as a chat: {type(error).__name__}: {error}. Copy "
            "the processor's files that belong to this model."
        ) from error


def _text_alone(processor: Any, prompt: str) -> list[int]:
    """The tokens of a prompt without images; as a chat, if there is a template for one."""
    if getattr(processor, "chat_template", None) is None:
        return prompt_tokens(processor.tokenizer, prompt)
    chat = [{"role": "user", "content": [{"type": "text", "text": prompt}]}]
    text = _as_chat(processor, chat)
    return list(processor.tokenizer(text, add_special_tokens=False)["input_ids"])
