"""The cache and the last token's logits as results."""
