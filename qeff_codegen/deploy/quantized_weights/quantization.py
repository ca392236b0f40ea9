"""What a format of quantized weights is: which tensors stand for one weight, and how they become it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch

from qeff_codegen.deploy.quantized_weights.stored_tensors import NEXT_STEP, StoredTensors
from qeff_codegen.errors import UsageError

Shape = tuple[int, ...]


class NotReadError(Exception):
    """A quantization_config asks for what its format's reader does not read; the message says what."""


@dataclass(frozen=True)
class StoredWeight:
    """One weight as it is stored: several tensors whose names are a stem and a part, such as `.qweight`.

    Attributes:
        stored: the tensors of the folder.
        stem: what the names have in common.
    """

    stored: StoredTensors
    stem: str

    def has(self, part: str) -> bool:
        """Whether there is such a part."""
        return self.stem + part in self.stored

    def shape(self, part: str) -> Shape:
        """The shape of a part."""
        return self.stored.shape(self.stem + part)

    def read(self, part: str) -> torch.Tensor:
        """The values of a part."""
        return self.stored.read(self.stem + part)

    def expect(self, part: str, shape: Shape, *types: str) -> None:
        """Check a part by its file's header.

        Args:
            part: which one.
            shape: the shape that the other parts and the configuration ask for.
            types: the types it may have, as safetensors names them.

        Raises:
            UsageError: it has another; the message names the file, the tensor, and both.
        """
        found = self.stored.stored_type(self.stem + part)
        if found not in types:
            raise self.damaged(part, f"is of type {found}, and {' or '.join(types)} was expected")
        if self.shape(part) != shape:
            raise self.damaged(part, f"has shape {list(self.shape(part))}, and {list(shape)} was expected")

    def expect_dimensions(self, part: str, number: int) -> Shape:
        """The shape of a part that the others are measured by, which has a number of dimensions.

        Raises:
            UsageError: it has another number.
        """
        shape = self.shape(part)
        if len(shape) != number:
            raise self.damaged(part, f"has shape {list(shape)}, and {number} dimensions were expected")
        return shape

    def damaged(self, part: str, why: str) -> UsageError:
        """The error that a part is not what it should be."""
        name = self.stem + part
        return UsageError(f"{self.stored.shard_of(name)}: {name} {why}.\n{NEXT_STEP}")


class Quantization(ABC):
    """A format with what a checkpoint's `quantization_config` says of it.

    Attributes:
        METHOD: its `quant_method` there.
        READ: what of the format is read, for the message that something else is not.
        needed: the parts that every quantized weight has. The first marks it: it has no other use.
        optional: the parts that it may have.
        becomes: the part whose name the weight gets.
        dropped: ends of names of what says something of activations or caches, and nothing of weights.
    """

    METHOD: ClassVar[str]
    READ: ClassVar[str]
    needed: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]] = ()
    becomes: ClassVar[str] = ".weight"
    dropped: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The format as a `quantization_config` describes it.

        Raises:
            NotReadError: it is of a kind that is not read.
        """

    @property
    @abstractmethod
    def description(self) -> str:
        """What the weights are, for a remark: format, bits, groups."""

    @abstractmethod
    def check(self, weight: StoredWeight) -> None:
        """Check shapes and types of a weight's parts against each other, by the files' headers.

        Raises:
            UsageError: a part is not what it should be.
        """

    @abstractmethod
    def dequantize(self, weight: StoredWeight) -> torch.Tensor:
        """A weight that was checked, in float32 and the layout of the module that it belongs to."""


def whole_number(settings: Mapping[str, Any], *names: str) -> int:
    """A whole number of a `quantization_config`, under the first of some names that is there.

    Raises:
        NotReadError: none is there, or it is no whole number.
    """
    value = next((settings[name] for name in names if settings.get(name) is not None), None)
    if not isinstance(value, int) or isinstance(value, bool):
        raise NotReadError(f"{names[0]} {value!r}")
    return value
