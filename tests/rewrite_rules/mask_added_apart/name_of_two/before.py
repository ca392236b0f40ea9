def eager_attention_forward(module, query, key, value, attention_mask, scaling, **kwargs):
    attn_weights = torch.matmul(query, key.transpose(2, 3)) * scaling
    causal_mask = module.window(query, key)
    attn_weights = torch.where(causal_mask, attn_weights, -1e9)
    if attention_mask is not None:
        causal_mask = attention_mask[:, :, :, : key.shape[-2]]
        attn_weights += causal_mask
    return torch.matmul(attn_weights.softmax(-1), value), attn_weights
