"""SmolLM2-135M's own weights through every way to text; needs QEFF_CODEGEN_SMOLLM2=1, minutes, and a download once."""
