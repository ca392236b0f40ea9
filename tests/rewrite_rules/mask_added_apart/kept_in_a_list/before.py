def eager_attention_forward(module, query, key, value, attention_mask, scaling, **kwargs):
    scores = [torch.matmul(query, key.transpose(2, 3)) * scaling]
    if attention_mask is not None:
        causal_mask = attention_mask[:, :, :, : key.shape[-2]]
        scores[0] += causal_mask
    return torch.matmul(scores[0].softmax(-1), value), scores[0]
