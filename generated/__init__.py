"""Generated QEff models. Every file below is written by qeff_codegen."""
