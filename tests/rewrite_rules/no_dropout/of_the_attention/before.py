def eager_attention_forward(module, query, key, value, attention_mask, scaling, **kwargs):
    attn_weights = torch.matmul(query, key.transpose(2, 3)) * scaling + attention_mask
    attn_weights = nn.functional.softmax(attn_weights, dim=-1)
    attn_weights = module.resid_dropout(attn_weights)
    return torch.matmul(attn_weights, value), attn_weights
