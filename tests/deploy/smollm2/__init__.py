"""SmolLM2-135M's own weights through every way to text."""
