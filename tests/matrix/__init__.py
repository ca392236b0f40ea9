"""Several transformers releases side by side: the same rules, a sample of every kind, Stages 1 to 3 in each.

Run it with `make test-matrix`; it takes minutes and, the first time, a network. Each release runs in an environment of
its own (`qeff_codegen.environments`), on this environment's torch.
"""
