"""The text of the two programs in a checkout whose runtime asks the model itself for all that an export needs.

    qeff_place_image_embeds     what puts image embeddings in the places of image tokens, which that runtime has not
    QEffXEncoderWrapper         the vision program: pixels to the features of images
    QEffXDecoderWrapper         the language program: tokens, embeddings, positions and cache to logits and cache
    QEffXModel                  where upstream's method for image features is changed
    QEffXFor...                 what a checkpoint becomes; it gives the two, and says how they are exported

What differs from this project's own runtime: results are tuples; `image_idx`, how many image embeddings a prompt has
used, is one number for a call, so a call that places images is of one row; and the embeddings of all images of a
prompt come out of one call of the vision program, as that runtime joins none.
"""

from __future__ import annotations

import ast

from qeff_codegen.codemod.layout import INDENT, indented
from qeff_codegen.errors import Refusal
from qeff_codegen.image_text.embedded_tokens import EMBEDDED
from qeff_codegen.image_text.export_methods import METHODS
from qeff_codegen.image_text.known_statements import RULE
from qeff_codegen.image_text.parts import ImageTextParts
from qeff_codegen.image_text.programs import Program, class_names, features_class

_PLACE = '''\
def qeff_place_image_embeds(
    inputs_embeds: torch.Tensor,
    is_image_token: torch.Tensor,
    position_ids: torch.Tensor,
    vision_embeds: torch.Tensor,
    image_idx: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Puts the next image embeddings where image tokens stand, in their order, and counts on from `image_idx`.

    A call without image tokens leaves the count as it is. A call of one token is a step of decoding, in which nothing
    is placed: an image token that was generated has the embedding of a token.
    """
    is_prefill = torch.ones_like(position_ids).sum(1, keepdim=True) > 1
    is_placed = is_image_token & (position_ids >= 0) & is_prefill
    places = (image_idx + is_placed.to(torch.int64).cumsum(1) - 1).clamp(min=0)
    places = torch.minimum(places, torch.ones_like(vision_embeds[:1, :, 0]).to(torch.int64).sum(1, keepdim=True) - 1)
    image_embeds = vision_embeds[torch.arange(vision_embeds.shape[0]).view(-1, 1), places].to(inputs_embeds.dtype)
    inputs_embeds = torch.where(is_placed.unsqueeze(-1), image_embeds, inputs_embeds)
    used = image_idx + is_placed.to(torch.int64).sum(1, keepdim=True)
    return inputs_embeds, used.amax(0, keepdim=True)
'''

_ENCODER = '''\
class {encoder}(nn.Module):
    """The vision program: {taken}.

    That is `[1, vision_size, hidden]`, for one image after the other.
    """

    def __init__(self, model: {whole}):
        super().__init__()
        self.model = model.{model}
{sizes_kept}
    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        image_outputs = self.model.{features}(pixel_values=pixel_values, {sizes_given}return_dict=True)
{joined}
'''
_ANY_NUMBER = """\
        return image_outputs.{field}.flatten(0, -2).unsqueeze(0)"""
_ONE = """\
        return torch.cat(list(image_outputs.{field}), dim=0).unsqueeze(0)"""
_SIZES_KEPT = """\
        self.image_sizes = torch.tensor([model.get_qeff_image_size()])
"""

_DECODER = '''\
class {decoder}(nn.Module):
    """The language program: the text model with image embeddings in the places of image tokens."""

    def __init__(self, model: {whole}):
        super().__init__()
        self.{text} = model.{model}.{text}
        self.{head} = model.{head}
        self.config = model.config
        if not type(self.{text}).__module__.startswith("{package}."):
            raise NotImplementedError(
                f"no entry of KVCacheTransform is for {{type(self.{text}).__name__}}, the text model of "
                f"{{type(model).__name__}}"
            )

    def get_submodules_for_export(self) -> set[type[nn.Module]]:
        """The classes of the text model's layers, each of which can become one function of the graph."""
        stacks = [module for module in self.{text}.children() if isinstance(module, nn.ModuleList)]
        return {{type(layer) for stack in stacks for layer in stack}}

    def forward(
        self,
        input_ids: torch.LongTensor,
        vision_embeds: torch.Tensor,
        position_ids: torch.LongTensor,
        image_idx: torch.LongTensor,
        past_key_values: list[tuple[torch.Tensor, torch.Tensor]],
        comp_ctx_lengths: torch.LongTensor | None = None,
        batch_index: torch.LongTensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
{embedding}
        is_image_token = input_ids == {token}
        inputs_embeds, image_idx = qeff_place_image_embeds(
            inputs_embeds, is_image_token, position_ids, vision_embeds, image_idx
        )

        outputs = self.{text}(
            inputs_embeds=inputs_embeds,
            position_ids=position_ids,
            past_key_values=past_key_values,
            comp_ctx_lengths=comp_ctx_lengths,
            batch_index=batch_index,
            use_cache=True,
        )

        hidden_states = outputs[0]
        logit_index = position_ids.to(torch.int32).argmax(1, keepdim=True)
        hidden_states = hidden_states[torch.arange(position_ids.shape[0]).view(-1, 1), logit_index]
        logits = self.{head}(hidden_states){scaling}

        return logits.float(), vision_embeds, image_idx, outputs.past_key_values
'''


def checkout_programs(parts: ImageTextParts, package: str) -> tuple[Program, ...]:
    """The definitions in the order in which they stand in the file.

    Args:
        package: the checkout's, whose classes serve text models.
    """
    embeds = f"inputs_embeds = self.{parts.text_attribute}.get_input_embeddings()"
    lines = [parts.embedded] if parts.embedded else []
    lines.append(f"{embeds}({EMBEDDED if parts.embedded else 'input_ids'})")
    takes_one = parts.inputs is not None
    sizes = parts.inputs.of_size if parts.inputs is not None else ()
    field = parts.features_field
    names = {
        **class_names(parts),
        "package": package,
        "embedding": indented("\n".join(lines), INDENT * 2),
        "scaling": "".join(f"\n{indented(ast.unparse(item), INDENT * 2)}" for item in parts.head.scaling),
        "taken": f"`[{'1' if takes_one else 'max_num_images'}, channels, height, width]` to what stands at tokens",
        "sizes_kept": _SIZES_KEPT if sizes else "",
        "sizes_given": "".join(f"{name}=self.{attribute}, " for name, attribute in sizes),
        "joined": (_ONE if takes_one else _ANY_NUMBER).format(field=field),
        "images_axis": "{}" if takes_one else '{0: "max_num_images"}',
    }
    whole = parts.conditional_generation.name
    texts = (_PLACE, *(template.format(**names) for template in (_ENCODER, _DECODER)), METHODS.format(**names))
    changed = features_class(parts)
    return (*((changed,) if changed is not None else ()), *(Program(text, whole) for text in texts))


def check_for_checkout(parts: ImageTextParts, checkout: str) -> None:
    """See that the checkout's runtime can feed the two programs.

    Raises:
        Refusal: they need more than it gives: pixels, tokens, places in the text and one count.
    """
    for is_so, what in (
        (parts.text_class is not None, f"`{parts.conditional_generation.name}` has a text model of its own file"),
        (parts.sections is not None, "its tokens have positions of several kinds"),
        (parts.deep is not None, "features of images go into layers of the text model"),
        (parts.both_ways is not None, "tokens of an image, or of a prompt, attend to one another both ways"),
        (parts.layer_inputs is not None, "layers of the text model are handed a part of each token's embedding"),
        (parts.placing_projector is not None, "features are projected where they are placed"),
        (bool(parts.inner_attribute), "it calls a causal LM of its own file"),
        (parts.from_one, "positions are counted from 1"),
        (
            parts.inputs is not None and parts.inputs.layout != "WholeImage",
            "how its pixels are laid out depends on an image's size, which that export is not told",
        ),
    ):
        if is_so:
            raise Refusal(
                f"{what}, and images are not brought into {checkout} then",
                rule=RULE,
                location=parts.file.location(parts.conditional_generation.node.lineno),
                expected="pixels of one size in, embeddings at image tokens, one position for each token",
                next_step="generate for this project's own runtime: `python -m qeff_codegen NAME`",
            )
