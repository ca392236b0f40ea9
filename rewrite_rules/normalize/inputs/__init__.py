"""What a model is given: tokens, or what stands for them."""
