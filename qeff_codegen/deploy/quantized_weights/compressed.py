"""compressed-tensors, as llm-compressor writes it: read with the package of that name, module by module.

| format | tensors | what |
|---|---|---|
| `int-quantized` | `weight` int8 (O, I), `weight_scale`, `weight_zero_point` if asymmetric | w8a8 |
| `float-quantized` | `weight` float8_e4m3fn (O, I), `weight_scale` | fp8 |
| `naive-quantized` | as one of those | weights alone |
| `pack-quantized` | `weight_packed` int32 (O, ceil(I * bits / 32)), `weight_scale`, `weight_shape` int64 (2) | w4a16 |

Packed weights that are asymmetric have `weight_zero_point` int32 (ceil(O * bits / 32), groups). A scale belongs to the
tensor (1 number), to each output (O, 1), to groups of inputs (O, ceil(I / G)) or to blocks. Which of `config_groups` a
module is in, its name or its class says. A scale is turned into float32 first: the package computes in the type of the
scale, and bfloat16 would round every weight once more.
Source: compressed-tensors 0.20.1, `compressors/naive_quantized` and `compressors/pack_quantized`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Self

import torch

from qeff_codegen.deploy.quantized_weights.quantization import NotReadError, Quantization, Shape, StoredWeight
from qeff_codegen.errors import UsageError

SCALE, PLAIN, PACKED = ".weight_scale", ".weight", ".weight_packed"
SHAPE, ZERO_POINT = ".weight_shape", ".weight_zero_point"
FORMATS = ("int-quantized", "float-quantized", "naive-quantized", "pack-quantized")
STRATEGIES = ("tensor", "channel", "group", "block")
WORD = 32


@dataclass(frozen=True)
class Compressed(Quantization):
    """compressed-tensors.

    Attributes:
        config: the package's own `QuantizationConfig`.
    """

    METHOD = "compressed-tensors"
    READ = f"formats {', '.join(FORMATS)}, with 4 or 8 bits"
    needed = (SCALE,)
    optional = (PLAIN, PACKED, SHAPE, ZERO_POINT)
    # What is known of activations and of the cache.
    dropped = (
        ".input_scale",
        ".input_zero_point",
        ".output_scale",
        ".output_zero_point",
        ".k_scale",
        ".v_scale",
        ".k_zero_point",
        ".v_zero_point",
    )

    config: Any

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        # It takes seconds to import, which only its own format is worth.
        try:
            from compressed_tensors.quantization import QuantizationConfig
        except ModuleNotFoundError as error:
            raise UsageError(
                f"Weights of {cls.METHOD} are read by the package `{error.name}`, which is not installed.\n"
                "Run `pip install 'qeff_codegen[run]'`."
            ) from error

        if (settings.get("sparsity_config") or {}).get("format", "dense") != "dense":
            raise NotReadError(f"sparsity_config of the format {settings['sparsity_config']['format']}")
        # Such weights are multiplied by rotations when the model runs.
        if (settings.get("transform_config") or {}).get("config_groups"):
            raise NotReadError("a transform_config")
        known = {name: value for name, value in settings.items() if name in QuantizationConfig.model_fields}
        try:
            config = QuantizationConfig.model_validate(known)
        except ValueError as error:
            # pydantic's message has the place in its second line and the reason in its third.
            reason = (str(error).splitlines()[2:3] or [str(error)])[0].strip()
            raise NotReadError(f"what version {version('compressed-tensors')} refuses: {reason}") from error
        found = cls(config)
        for group in config.config_groups.values():
            found._check_group(group)
        return found

    @property
    def description(self) -> str:
        groups = [group for group in self.config.config_groups.values() if group.weights is not None]
        kinds = dict.fromkeys(f"{self._format(group)} {_kind(group.weights)}" for group in groups)
        return f"compressed-tensors, {'; '.join(kinds)}, read by compressed-tensors {version('compressed-tensors')}"

    def check(self, weight: StoredWeight) -> None:
        group = self._group_of(weight)
        packed = self._format(group) == "pack-quantized"
        for part in (PACKED, SHAPE) if packed else (PLAIN,):
            if not weight.has(part):
                raise weight.damaged(SCALE, f"has no {weight.stem}{part} beside it, which {self._format(group)} has")
        shape = self._check_packed(weight, group) if packed else weight.expect_dimensions(PLAIN, 2)
        if not packed:
            weight.expect(PLAIN, shape, "I8" if group.weights.type == "int" else "F8_E4M3")
        scales = _scales(group.weights, shape)
        of_tensor = group.weights.strategy == "tensor" and weight.shape(SCALE) == ()
        weight.expect(SCALE, () if of_tensor else scales, "F32", "BF16", "F16")
        if not group.weights.symmetric:
            self._check_zero_point(weight, group.weights, scales, packed)

    def dequantize(self, weight: StoredWeight) -> torch.Tensor:
        from compressed_tensors.compressors import BaseCompressor

        group = self._group_of(weight)
        parts = {part.removeprefix("."): weight.read(part) for part in self.needed + self.optional if weight.has(part)}
        parts["weight_scale"] = parts["weight_scale"].to(torch.float32)
        reader = BaseCompressor.get_value_from_registry(self._format(group))
        values: torch.Tensor = reader.decompress(parts, group)["weight"]
        return values.to(torch.float32)

    def _check_group(self, group: Any) -> None:
        if group.weights is None:
            return
        found = self._format(group)
        if found not in FORMATS:
            raise NotReadError(f"format {found}")
        if group.weights.num_bits not in (4, 8) or group.weights.strategy not in STRATEGIES:
            raise NotReadError(_kind(group.weights))
        if group.weights.type == "float" and group.weights.num_bits != 8:
            raise NotReadError(_kind(group.weights))
        classes = [target for target in group.targets if "." not in target and not target.startswith("re:")]
        if [target for target in classes if target not in ("Linear", "LinearBase")]:
            raise NotReadError(f"targets {group.targets}")

    def _format(self, group: Any) -> str:
        found = group.format or self.config.format
        return str(getattr(found, "value", found))

    def _group_of(self, weight: StoredWeight) -> Any:
        """The group that a module is in: one that names it, or one that is for the class of all that are quantized."""
        from compressed_tensors.utils.match import match_targets

        groups = [group for group in self.config.config_groups.values() if group.weights is not None]
        with torch.device("meta"):
            module = torch.nn.Linear(1, 1)
        by_name = [
            group
            for group in groups
            if any(match_targets(weight.stem, torch.nn.Identity(), [target]) for target in group.targets)
        ]
        found = by_name or [group for group in groups if match_targets(weight.stem, module, group.targets)]
        if not found:
            raise weight.damaged(SCALE, "belongs to no group: none of the config_groups names its module")
        if any(group.weights != found[0].weights for group in found):
            raise weight.damaged(
                SCALE, "belongs to several groups: more than one of the config_groups names its module"
            )
        return found[0]

    def _check_packed(self, weight: StoredWeight, group: Any) -> Shape:
        """The shape of a packed weight."""
        weight.expect(SHAPE, (2,), "I64", "I32")
        outputs, inputs = (int(size) for size in weight.read(SHAPE))
        weight.expect(PACKED, (outputs, -(-inputs * group.weights.num_bits // WORD)), "I32")
        return outputs, inputs

    def _check_zero_point(self, weight: StoredWeight, arguments: Any, scales: Shape, packed: bool) -> None:
        if not weight.has(ZERO_POINT):
            raise weight.damaged(SCALE, f"has no {weight.stem}{ZERO_POINT} beside it, which asymmetric weights have")
        if packed and arguments.strategy in ("group", "channel"):
            weight.expect(ZERO_POINT, (-(-scales[0] * arguments.num_bits // WORD), scales[1]), "I32")


def _scales(arguments: Any, shape: Shape) -> Shape:
    """The shape that the scales of a weight have."""
    outputs, inputs = shape
    if arguments.strategy == "tensor":
        return (1,)
    if arguments.strategy == "channel":
        return outputs, 1
    if arguments.strategy == "group":
        return outputs, -(-inputs // arguments.group_size)
    rows, columns = arguments.block_structure
    return -(-outputs // rows), -(-inputs // columns)


def _kind(arguments: Any) -> str:
    """Bits, type and strategy in words."""
    strategy = getattr(arguments.strategy, "value", arguments.strategy)
    size = f" of {arguments.group_size}" if strategy == "group" else ""
    return f"{arguments.num_bits}-bit {getattr(arguments.type, 'value', arguments.type)} by {strategy}{size}"
