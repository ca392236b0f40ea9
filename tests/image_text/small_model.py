"""A small image-text file, written anew for each test."""

from __future__ import annotations

from qeff_codegen.upstream.source import UpstreamModel

SOURCE = """\
import torch
from torch import nn

from ..auto import AutoModel


class PlumProjector(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        return self.linear(x)


class PlumModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.eye = AutoModel.from_config(config.vision_config)
        self.bridge = PlumProjector(config)
        self.talker = AutoModel.from_config(config.text_config)

    def features(self, pixel_values, image_sizes=None, **kwargs):
        out = self.eye(pixel_values, **kwargs)
        found = self.bridge(out.last_hidden_state)
        if image_sizes is not None:
            found = torch.split(found, image_sizes)
        else:
            found = list(found)
        out.pooler_output = found
        return out

    def places(self, input_ids, inputs_embeds, image_features):
        if input_ids is None:
            mask = inputs_embeds == 0
        else:
            mask = input_ids == self.config.plum_token
        count = mask.sum()
        mask = mask.unsqueeze(-1).to(inputs_embeds.device)
        return mask

    def forward(
        self, input_ids=None, pixel_values=None, attention_mask=None, position_ids=None, cache=None,
        inputs_embeds=None, image_sizes=None, encoded=None, **kwargs
    ):
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        encoded = encoded if encoded is not None else {}
        if encoded.get("image") is None and pixel_values is not None:
            encoded["image"] = self.features(pixel_values=pixel_values, image_sizes=image_sizes)
        if encoded.get("image") is not None:
            image_features = torch.cat(encoded["image"].pooler_output, dim=0).to(inputs_embeds.dtype)
            where = self.places(input_ids, inputs_embeds=inputs_embeds, image_features=image_features)
            inputs_embeds = inputs_embeds.masked_scatter(where, image_features)
        outputs = self.talker(
            attention_mask=attention_mask, position_ids=position_ids, cache=cache, inputs_embeds=inputs_embeds
        )
        return dict(**outputs, image=encoded.get("image"))


class PlumForConditionalGeneration(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.inner = PlumModel(config)
        self.out = nn.Linear(8, 32)

    def forward(self, input_ids=None, pixel_values=None, labels=None, **kwargs):
        outputs = self.inner(input_ids=input_ids, pixel_values=pixel_values, **kwargs)
        hidden = outputs[0]
        logits = self.out(hidden)
        loss = None
        if labels is not None:
            loss = self.loss_function(logits, labels)
        return dict(loss=loss, logits=logits, cache=outputs.cache)
"""


def plum(before: str = "", after: str = "") -> UpstreamModel:
    """The file, with `after` in the place of `before`, which it has once."""
    assert not before or SOURCE.count(before) == 1
    return UpstreamModel(
        name="plum",
        display_path="transformers/models/plum/modeling_plum.py",
        module="transformers.models.plum.modeling_plum",
        source=SOURCE.replace(before, after) if before else SOURCE,
        families=("plum",),
        image_text="PlumForConditionalGeneration",
    )
