def eager_attention_forward(module, query, key, value, mask, scaling, **kwargs):
    attn_weights = torch.matmul(query, key.transpose(2, 3)) * scaling
    causal_mask = mask[:, :, :, : key.shape[-2]]
    attn_weights = torch.where(causal_mask, MIN_MASKED_ATTENTION_VALUE, attn_weights)
    attn_weights = nn.functional.softmax(attn_weights, dim=-1)
    return torch.matmul(attn_weights, value), attn_weights
