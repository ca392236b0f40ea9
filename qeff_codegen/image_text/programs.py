"""The text of the two programs, and of the class that a loaded model becomes.

    QEffXEncoderWrapper     the vision program: pixels to the features of images
    QEffXDecoderWrapper     the language program: tokens, positions, features and cache to logits and cache
    QEffXModel              where upstream's method for image features is changed
    QEffXFor...             what a checkpoint becomes; it gives the two

The decoder calls the text model that the loaded model has, which the mapping has made a QEff model by then: its
family's own package serves it. What stands between that and the logits is upstream's, part by part.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.anatomy.position_kinds import SECTIONS
from qeff_codegen.codemod.layout import INDENT, indented
from qeff_codegen.image_text.both_ways import BothWays
from qeff_codegen.image_text.embedded_tokens import EMBEDDED
from qeff_codegen.image_text.parts import ImageTextParts
from qeff_codegen.targets.target import PREFIX

_BOTH_WAYS = """\
    # Tokens of {kind}s attend to one another both ways, so all of one have to be in one call.
    both_ways = "{kind}"

"""
_BOTH_WAYS_IF_ASKED = '''\
    @property
    def both_ways(self) -> str | None:
        """Whose tokens attend to one another both ways, so that all of one have to be in one call."""
        return "{kind}" if {asked} else None

'''
_SUFFIX = "ForConditionalGeneration"

ENCODER = '''\
class {encoder}(nn.Module):
    """The vision program: images, `[batch_size, channels, height, width]`, to what stands at their tokens."""

    def __init__(self, model: {whole}):
        super().__init__()
        self.model = {model_path}
        self.config = model.config

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        image_outputs = self.model.{features}(pixel_values=pixel_values, return_dict=True)
        {returned_rows}
'''

ENCODER_OF_ONE_IMAGE = '''\
class {encoder}(nn.Module):
    """The vision program: one image, as `{layout}` lays it out, to what stands at its tokens."""

    takes_one_image = True

    def __init__(self, model: {whole}, image_size: tuple[int, int] | None = None):
        super().__init__()
        self.model = {model_path}
        self.config = model.config
        self.image = {layout}(model.config, image_size)
{deep_counted}
    def forward(self, pixel_values: torch.Tensor) -> {result}:
        image_outputs = self.model.{features}(pixel_values=pixel_values, {given}return_dict=True)
        {returned}
'''

DECODER = '''\
class {decoder}(nn.Module):
    """The language program: the text model with image embeddings in the places of image tokens."""

    def __init__(self, model: {whole}):
        super().__init__()
        self.{text} = {text_model}
        self.{head} = {head_path}
        self.config = model.config
{sections_counted}{deep_counted}
    def get_submodules_for_export(self) -> set[type[nn.Module]]:
        """Classes of the repeated layers; each becomes one ONNX function."""
        return decoder_layers_of(self.{text})

    def forward(
        self,
        input_ids: torch.LongTensor,
        position_ids: torch.LongTensor,
        past_key_values: list[tuple[torch.Tensor, torch.Tensor]],
        vision_embeds: torch.Tensor | None = None,
        image_idx: torch.LongTensor | None = None,{deep_taken}
        use_cache: bool | None = None,
        batch_index: torch.LongTensor | None = None,
        comp_ctx_lengths: torch.LongTensor | None = None,
    ) -> ImageTextOutput:
{sections_apart}{deep_before}{embedding}        if vision_embeds is not None:
{placing}
{call}
        hidden_states = outputs[0]
        logit_index = position_ids.to(torch.int32).argmax(1, keepdim=True)
        hidden_states = hidden_states[torch.arange(position_ids.shape[0]).view(-1, 1), logit_index]
        logits = self.{head}(hidden_states){scaling}

        return ImageTextOutput(
            logits=logits.float(),
            cache=outputs.{cache},
            vision_embeds=vision_embeds,
            image_idx=image_idx,{deep_returned}
        )
'''

IS_IMAGE_TOKEN = "is_image_token = input_ids == {token}"
PLACING_DEEP = "deep_embeds = place_deep_embeds(is_image_token, position_ids, deepstack_features, image_idx)"
PLACING = """\
inputs_embeds, image_idx = place_image_embeds(
    inputs_embeds, is_image_token, position_ids, vision_embeds, image_idx
)
"""
CALL = """\
outputs = self.{text}(
    inputs_embeds=inputs_embeds,
    position_ids=position_ids,
{layers_given}{sections_given}{deep_given}    past_key_values=past_key_values,
    use_cache=use_cache,
    batch_index=batch_index,
    comp_ctx_lengths=comp_ctx_lengths,
)
"""
# Of tokens that attend to one another both ways, which do.
BLOCKS = {
    "image": "blocks_of_images(is_image_token, position_ids{windows})",
    "prompt": "block_of_prompt(position_ids)",
}
# What the layers of a text model are handed of the tokens.
LAYER_INPUTS = """\
{argument} = None
if {asked}:
    {argument} = self.{text}.{method}({tokens}, inputs_embeds)"""

WHOLE = '''\
class {prefix}{whole}({whole}):
{both_ways}    def get_qeff_vision_encoder(self{size_given}) -> nn.Module:
        """The module that the vision program is exported from{size_told}."""
        return {encoder}(self{size})

    def get_qeff_language_decoder(self) -> nn.Module:
        """The module that the language program is exported from."""
        return {decoder}(self)
{sections_made}'''
# What is there beside, where each token has positions of several kinds.
_SECTIONS = {
    "sections_counted": """\
        # Kinds of position beside that in the text.
        self.num_position_sections = {kinds}
""",
    "sections_apart": """\
        # `[1 + kinds, batch_size, seq_len]`: where a token is cached, and what it is rotated by.
        position_ids, position_sections = position_ids[0], position_ids[1:]
""",
    "sections_given": """\
    position_sections=position_sections,
""",
    "sections_made": '''
    def get_qeff_position_sections(
        self, input_ids: torch.LongTensor, image_grid_thw: torch.LongTensor | None = None
    ) -> tuple[torch.LongTensor, torch.LongTensor]:
        """What tokens are rotated by, `[kinds, batch_size, seq_len]`, and how far later ones are ahead of places."""
        if image_grid_thw is None:
            places = torch.arange(input_ids.shape[1]).expand({kinds}, *input_ids.shape)
            return places, torch.zeros(input_ids.shape[0], 1, dtype=torch.int64)
        is_image_token = input_ids == {token}
        return {model_of_self}.{method}(
            input_ids=input_ids, mm_token_type_ids=is_image_token.int(), image_grid_thw=image_grid_thw
        )
''',
}


# What is there beside, where features of images go into layers of the text model too.
_DEEP = {
    "deep_counted": """\
        # Layers of the text model that features of images go into.
        self.num_feature_layers = len(model.config.vision_config.{layers})
""",
    "deep_taken": """
        deepstack_features: torch.Tensor | None = None,""",
    "deep_before": """\
        deep_embeds = None
""",
    "deep_given": """\
    {embeds}=deep_embeds,
""",
    "deep_returned": """
            deepstack_features=deepstack_features,""",
}


@dataclass(frozen=True)
class Program:
    """A class of the generated file.

    Attributes:
        text: its source.
        upstream: the upstream class that it stands for, or is made of.
        method: upstream's method in it, whose text is changed; empty where all is new.
    """

    text: str
    upstream: str
    method: str = ""


def programs(parts: ImageTextParts) -> tuple[Program, ...]:
    """The classes in the order in which they stand in the file."""
    names = {
        **class_names(parts),
        "model_path": parts.model_path,
        "model_of_self": parts.model_path.replace("model", "self", 1),
        "head_path": parts.head_path,
        "returned_rows": _returned_rows(parts),
        "field": parts.features_field,
        "cache": parts.head.cache_field,
        "scaling": "".join(f"\n{indented(ast.unparse(item), INDENT * 2)}" for item in parts.head.scaling),
        **_of_one_image(parts),
    }
    names |= _of_sections(parts, names)
    names |= _of_deep_features(parts, names)
    names |= _decoder_lines(parts, names)
    encoder = ENCODER if parts.inputs is None else ENCODER_OF_ONE_IMAGE
    whole = parts.conditional_generation.name
    found = tuple(Program(template.format(**names), whole) for template in (encoder, DECODER, WHOLE))
    changed = features_class(parts)
    return found if changed is None else (changed, *found)


def class_names(parts: ImageTextParts) -> dict[str, str]:
    """What classes and parts are called, in upstream's file and in the generated one."""
    whole = parts.conditional_generation.name
    stem = whole.removesuffix(_SUFFIX)
    return {
        "prefix": PREFIX,
        "whole": whole,
        "encoder": f"{PREFIX}{stem}EncoderWrapper",
        "decoder": f"{PREFIX}{stem}DecoderWrapper",
        "model": parts.model_attribute,
        "text": parts.text_attribute,
        "tower": parts.tower_attribute,
        "head": parts.head.attribute,
        "features": parts.features.name,
        "token": parts.token,
    }


def features_class(parts: ImageTextParts) -> Program | None:
    """The model with its method for image features as it is to be; None where upstream's stays."""
    if not parts.features_changed:
        return None
    model = parts.model.name
    text = f"class {PREFIX}{model}({model}):\n{indented(parts.features_code.text, INDENT)}"
    return Program(text, model, f"{model}.{parts.features.name}")


def _returned_rows(parts: ImageTextParts) -> str:
    """What the vision program of any number of images gives, projected where upstream does that on the way."""
    if parts.placing_projector is None:
        # `[batch_size, vision_size, hidden]`, whatever rows and columns an image has.
        return f"return image_outputs.{parts.features_field}" + (".flatten(1, -2)" if parts.features_rows else "")
    return f"return projected_embeds(self.model.{parts.placing_projector}, image_outputs.{parts.features_field})"


def _decoder_lines(parts: ImageTextParts, names: dict[str, str]) -> dict[str, str]:
    """What stands between tokens and the text model's output, piece by piece."""
    layers = parts.layer_inputs
    takes = names["takes"] if layers is None else f', takes="{layers.argument}"'
    text_model = f"text_model_of(model, {parts.text_path}{takes})"
    is_image_token = IS_IMAGE_TOKEN.format(**names)
    embeds = f"inputs_embeds = self.{parts.text_attribute}.get_input_embeddings()"
    before = [parts.embedded] if parts.embedded else []
    tokens = EMBEDDED if parts.embedded else "input_ids"
    embedding = [*before, f"{embeds}({tokens})"]
    layers_given = ""
    if layers is not None:
        layers_given = f"{INDENT}{layers.argument}={layers.argument},\n"
        embedding += LAYER_INPUTS.format(text=parts.text_attribute, tokens=tokens, **vars(layers)).split("\n")
    placing = [PLACING] if parts.deep is None else [PLACING_DEEP, PLACING]
    call = CALL.format(**names, layers_given=layers_given)
    both_ways = parts.both_ways
    if both_ways is None:
        placing = [is_image_token, *placing]
    else:
        # Known in a call without images too.
        embedding = [*embedding, is_image_token]
        blocks = BLOCKS[both_ways.kind].format(windows=f", {both_ways.windows}=True" if both_ways.windows else "")
        asked = f" if {both_ways.asked} else None" if both_ways.asked else ""
        call = f"with attending_within({blocks}{asked}):\n{indented(call, INDENT)}"
    return {
        "text_model": f"has_relative_positions({text_model})" if parts.from_one else text_model,
        "embedding": "".join(f"{indented(item, INDENT * 2)}\n" for item in embedding),
        "placing": "\n".join(indented(item, INDENT * 3) for item in placing),
        "call": indented(call, INDENT * 2),
        "both_ways": _said(both_ways),
    }


def _said(both_ways: BothWays | None) -> str:
    """What a generated model says of tokens that attend to one another; nothing where none do."""
    if both_ways is None:
        return ""
    template = _BOTH_WAYS_IF_ASKED if both_ways.asked else _BOTH_WAYS
    return template.format(kind=both_ways.kind, asked=both_ways.asked)


def _of_sections(parts: ImageTextParts, names: dict[str, str]) -> dict[str, str]:
    """What the text has beside where each token has positions of several kinds; nothing elsewhere."""
    if parts.sections is None:
        return dict.fromkeys((*_SECTIONS, "takes"), "")
    own = {"kinds": parts.sections.kinds, "method": parts.sections.method.name}
    takes = f', takes="{SECTIONS}"' if parts.text_class is None else ""
    return {"takes": takes, **{name: text.format(**names, **own) for name, text in _SECTIONS.items()}}


def _of_deep_features(parts: ImageTextParts, names: dict[str, str]) -> dict[str, str]:
    """What the text has beside where features of images go into layers too; nothing elsewhere."""
    if parts.deep is None:
        features = "image_outputs.{field}".format(**names)
        if parts.placing_projector is not None:
            features = f"projected_embeds(self.model.{parts.placing_projector}, {features})"
        returned = f"return joined_embeds({features})"
        return {**dict.fromkeys(_DEEP, ""), "result": "torch.Tensor", "returned": returned}
    return {
        **{name: text.format(embeds=parts.deep.embeds, layers=parts.deep_layers) for name, text in _DEEP.items()},
        "result": "tuple[torch.Tensor, torch.Tensor]",
        "returned": (
            "deep = [joined_embeds(features) for features in image_outputs.deepstack_features]\n"
            "        return joined_embeds(image_outputs.{field}), torch.stack(deep)".format(**names)
        ),
    }


def _of_one_image(parts: ImageTextParts) -> dict[str, str]:
    """What the text of a program of one image has beside; nothing where any number of images is taken."""
    if parts.inputs is None:
        return dict.fromkeys(("layout", "given", "size", "size_given", "size_told"), "")
    given = [f"{name}=self.image.{attribute}" for name, attribute in parts.inputs.of_size]
    return {
        "layout": parts.inputs.layout,
        "given": "".join(f"{item}, " for item in given),
        "size": ", image_size",
        "size_given": ", image_size: tuple[int, int] | None = None",
        "size_told": ", for images of one size, that of the configuration by default",
    }
