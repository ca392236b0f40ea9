"""Translations of our own, where the TorchScript exporter's give other numbers than PyTorch.

Each file has one idea and a table, `TRANSLATIONS`, of the operators it translates. What they promise is proved in
tests/export/proved.
"""
