"""Pieces of Shale as files of 4.28 to 4.47 write them, by the name of the idiom."""

from __future__ import annotations

from tests.remote.dialects.shale import PIECES

_GATHERED = "        next_decoder_cache = () if use_cache else None"
_GIVEN = "                next_decoder_cache += (layer_outputs[1],)"
_GIVEN = "                next_decoder_cache += (layer_outputs[1],)"
_LOOP = """
        for idx, decoder_layer in enumerate(self.layers):
            past_key_value = past_key_values[idx] if past_key_values is not None else None
            layer_outputs = decoder_layer(
                hidden_states,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_value=past_key_value,
                use_cache=use_cache,
            )
"""
PAIRS = {
    "COUNT": """
        kv_seq_len = key_states.shape[-2]
        if past_key_value is not None:
            kv_seq_len += past_key_value[0].shape[-2]
""",
    "UPDATE": """
        if past_key_value is not None:
            key_states = torch.cat([past_key_value[0], key_states], dim=2)
            value_states = torch.cat([past_key_value[1], value_states], dim=2)
        past_key_value = (key_states, value_states) if use_cache else None
""",
    "CACHE": """
        past_key_values_length = 0
        if past_key_values is not None:
            past_key_values_length = past_key_values[0][0].shape[2]
""",
    "GATHER": _GATHERED,
    "TAKE": _LOOP,
    "GIVEN": _GIVEN,
    "NEXT": "        next_cache = next_decoder_cache if use_cache else None",
}
HALVES = {
    "HELPER": "",
    "FUNCTIONS": '''
def _make_causal_mask(input_ids_shape, dtype, device, past_key_values_length=0):
    """The triangle of the new tokens, behind zeros for the cached ones."""
    bsz, tgt_len = input_ids_shape
    mask = torch.full((tgt_len, tgt_len), torch.finfo(dtype).min, device=device)
    mask_cond = torch.arange(mask.size(-1), device=device)
    mask.masked_fill_(mask_cond < (mask_cond + 1).view(mask.size(-1), 1), 0)
    mask = mask.to(dtype)
    if past_key_values_length > 0:
        mask = torch.cat([torch.zeros(tgt_len, past_key_values_length, dtype=dtype, device=device), mask], dim=-1)
    return mask[None, None, :, :].expand(bsz, 1, tgt_len, tgt_len + past_key_values_length)


def _expand_mask(mask, dtype, tgt_len=None):
    bsz, src_len = mask.size()
    tgt_len = tgt_len if tgt_len is not None else src_len
    expanded_mask = mask[:, None, None, :].expand(bsz, 1, tgt_len, src_len).to(dtype)
    inverted_mask = 1.0 - expanded_mask
    return inverted_mask.masked_fill(inverted_mask.to(torch.bool), torch.finfo(dtype).min)

''',
    "METHODS": """
    def _prepare_decoder_attention_mask(self, attention_mask, input_shape, inputs_embeds, past_key_values_length):
        combined_attention_mask = None
        if input_shape[-1] > 1:
            combined_attention_mask = _make_causal_mask(
                input_shape,
                inputs_embeds.dtype,
                device=inputs_embeds.device,
                past_key_values_length=past_key_values_length,
            )
        if attention_mask is not None:
            expanded_attn_mask = _expand_mask(attention_mask, inputs_embeds.dtype, tgt_len=input_shape[-1]).to(
                inputs_embeds.device
            )
            combined_attention_mask = (
                expanded_attn_mask if combined_attention_mask is None else expanded_attn_mask + combined_attention_mask
            )
        return combined_attention_mask

""",
    "MASK": """
        if attention_mask is None:
            attention_mask = torch.ones(
                (batch_size, seq_length + past_key_values_length), dtype=torch.bool, device=inputs_embeds.device
            )
        attention_mask = self._prepare_decoder_attention_mask(
            attention_mask, (batch_size, seq_length), inputs_embeds, past_key_values_length
        )
""",
}
IDIOMS: dict[str, dict[str, str]] = {
    "length_of_a_layer": {},
    "usable_length": {
        "COUNT": """
        kv_seq_len = key_states.shape[-2]
        if past_key_value is not None:
            if self.layer_idx is None:
                raise ValueError("A layer that keeps a cache needs its number.")
            kv_seq_len += past_key_value.get_usable_length(kv_seq_len, self.layer_idx)
""",
        "UPDATE": """
        if past_key_value is not None:
            cache_kwargs = {"sin": sin, "cos": cos}
            key_states, value_states = past_key_value.update(key_states, value_states, self.layer_idx, cache_kwargs)
""",
    },
    "legacy_cache": {
        "CACHE": """
        past_key_values_length = 0
        if use_cache:
            use_legacy_cache = not isinstance(past_key_values, Cache)
            if use_legacy_cache:
                past_key_values = DynamicCache.from_legacy_cache(past_key_values)
            past_key_values_length = past_key_values.get_usable_length(seq_length)
""",
        "NEXT": """
        next_cache = None
        if use_cache:
            next_cache = next_decoder_cache.to_legacy_cache() if use_legacy_cache else next_decoder_cache
""",
    },
    "pairs": PAIRS,
    "pairs_zipped": PAIRS
    | {
        "CACHE": """
        if past_key_values is None:
            past_key_values_length = 0
            past_key_values = tuple([None] * len(self.layers))
        else:
            past_key_values_length = past_key_values[0][0].size(-2)
""",
        "TAKE": """
        for i, (decoder_layer, layer_past) in enumerate(zip(self.layers, past_key_values)):
            layer_outputs = decoder_layer(
                hidden_states,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_value=layer_past,
                use_cache=use_cache,
            )
""",
    },
    "mask_of_halves": HALVES,
    "pairs_and_halves": PAIRS
    | HALVES
    | {
        "SCORES": """
            dtype_min = torch.tensor(
                torch.finfo(attn_weights.dtype).min, device=attn_weights.device, dtype=attn_weights.dtype
            )
            attn_weights = torch.max(attn_weights, dtype_min)
""",
    },
    "mask_by_method": {
        "IMPORTS": "from transformers.cache_utils import StaticCache\n",
        "METHODS": """
    def _update_causal_mask(self, attention_mask, input_tensor, cache_position, past_key_values):
        if self.config._attn_implementation == "flash_attention_2":
            if attention_mask is not None and 0.0 in attention_mask:
                return attention_mask
            return None
        past_seen_tokens = past_key_values.get_seq_length() if past_key_values is not None else 0
        dtype, device = input_tensor.dtype, input_tensor.device
        min_dtype = torch.finfo(dtype).min
        sequence_length = input_tensor.shape[1]
        using_static_cache = isinstance(past_key_values, StaticCache)
        if using_static_cache:
            target_length = past_key_values.get_max_length()
        else:
            target_length = (
                attention_mask.shape[-1]
                if isinstance(attention_mask, torch.Tensor)
                else past_seen_tokens + sequence_length + 1
            )
        if attention_mask is not None and attention_mask.dim() == 4:
            if attention_mask.max() != 0:
                raise ValueError("A mask of four axes is added to the scores.")
            causal_mask = attention_mask
        else:
            causal_mask = torch.full(
                (sequence_length, target_length), fill_value=min_dtype, dtype=dtype, device=device
            )
            if sequence_length != 1:
                causal_mask = torch.triu(causal_mask, diagonal=1)
            causal_mask *= torch.arange(target_length, device=device) > cache_position.reshape(-1, 1)
            causal_mask = causal_mask[None, None, :, :].expand(input_tensor.shape[0], 1, -1, -1)
            if attention_mask is not None:
                causal_mask = causal_mask.clone()
                mask_length = attention_mask.shape[-1]
                padding_mask = causal_mask[:, :, :, :mask_length] + attention_mask[:, None, None, :]
                padding_mask = padding_mask == 0
                causal_mask[:, :, :, :mask_length] = causal_mask[:, :, :, :mask_length].masked_fill(
                    padding_mask, min_dtype
                )
        return causal_mask

""",
        "MASK": """
        cache_position = torch.arange(
            past_key_values_length, past_key_values_length + inputs_embeds.shape[1], device=inputs_embeds.device
        )
        attention_mask = self._update_causal_mask(attention_mask, inputs_embeds, cache_position, past_key_values)
""",
    },
    "attention_classes": {
        "IMPORTS": """from transformers.utils import is_flash_attn_2_available, is_flash_attn_greater_or_equal_2_10
""",
        "FUNCTIONS": """
if is_flash_attn_2_available():
    from flash_attn import flash_attn_func

""",
        "CLASSES": """
class ShaleFlashAttention2(ShaleAttention):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._flash_attn_uses_top_left_mask = not is_flash_attn_greater_or_equal_2_10()

    def forward(self, hidden_states, attention_mask=None, position_ids=None, past_key_value=None, **kwargs):
        states = self.q_proj(hidden_states)
        return flash_attn_func(states, states, states), None, past_key_value


class ShaleSdpaAttention(ShaleAttention):
    def forward(self, hidden_states, attention_mask=None, position_ids=None, past_key_value=None, **kwargs):
        states = self.q_proj(hidden_states)
        return nn.functional.scaled_dot_product_attention(states, states, states), None, past_key_value


SHALE_ATTENTION_CLASSES = {
    "eager": ShaleAttention,
    "flash_attention_2": ShaleFlashAttention2,
    "sdpa": ShaleSdpaAttention,
}

""",
        "ATTENTION": "SHALE_ATTENTION_CLASSES[config._attn_implementation](config, layer_idx)",
        "MASK": """
        if self.config._attn_implementation == "flash_attention_2":
            attention_mask = attention_mask if (attention_mask is not None and 0 in attention_mask) else None
        else:"""
        + PIECES["MASK"].replace("\n    ", "\n        "),
    },
    "ranks": {
        "PROJECT": """
        if self.config.pretraining_tp > 1:
            attn_output = attn_output.split(self.hidden_size // self.config.pretraining_tp, dim=2)
            o_proj_slices = self.o_proj.weight.split(self.hidden_size // self.config.pretraining_tp, dim=1)
            attn_output = sum(
                [nn.functional.linear(attn_output[i], o_proj_slices[i]) for i in range(self.config.pretraining_tp)]
            )
        else:
            attn_output = self.o_proj(attn_output)
""",
        "LOGITS": """
        if self.config.pretraining_tp > 1:
            lm_head_slices = self.lm_head.weight.split(self.vocab_size // self.config.pretraining_tp, dim=0)
            logits = [
                nn.functional.linear(hidden_states, lm_head_slices[i]) for i in range(self.config.pretraining_tp)
            ]
            logits = torch.cat(logits, dim=-1)
        else:
            logits = self.lm_head(hidden_states)
""",
    },
    "loss": {
        "LOSS": """
        loss = None
        if labels is not None:
            shift_logits = logits[..., :-1, :].contiguous()
            shift_labels = labels[..., 1:].contiguous()
            loss_fct = nn.CrossEntropyLoss()
            shift_logits = shift_logits.view(-1, self.config.vocab_size)
            shift_labels = shift_labels.view(-1).to(shift_logits.device)
            loss = loss_fct(shift_logits, shift_labels)
""",
    },
    "checkpointing": {
        "CALL": """
            if self.gradient_checkpointing and self.training:
                layer_outputs = self._gradient_checkpointing_func(
                    decoder_layer.__call__, hidden_states, attention_mask, position_ids, past_key_values, use_cache
                )
            else:
                layer_outputs = decoder_layer(
                    hidden_states,
                    attention_mask=attention_mask,
                    position_ids=position_ids,
                    past_key_value=past_key_values,
                    use_cache=use_cache,
                )
""",
    },
    "checkpointing_of_pairs": PAIRS
    | {
        "TAKE": """
        for idx, decoder_layer in enumerate(self.layers):
            past_key_value = past_key_values[idx] if past_key_values is not None else None
            if self.gradient_checkpointing and self.training:

                def create_custom_forward(module):
                    def custom_forward(*inputs):
                        return module(*inputs, None)

                    return custom_forward

                layer_outputs = torch.utils.checkpoint.checkpoint(
                    create_custom_forward(decoder_layer), hidden_states, attention_mask, position_ids, None
                )
            else:
                layer_outputs = decoder_layer(
                    hidden_states,
                    attention_mask=attention_mask,
                    position_ids=position_ids,
                    past_key_value=past_key_value,
                    use_cache=use_cache,
                )
""",
    },
    "cache_by_a_local_name": {
        "HANDED": "        use_cache = use_cache if use_cache is not None else True\n        cache = past_key_values",
        "PASSED": "cache",
    },
}
