"""What stands where in a generated folder."""

from __future__ import annotations

from pathlib import Path

# What comes with this tool: in a checkout, or beside the installed package.
INSTALLED = Path(__file__).resolve().parents[2] / "generated"
MANIFEST = "manifest.json"
MAPPING = "pytorch_transforms.py"
INITIALIZER = "__init__.py"
# Of the folder itself; that of a model's package is empty.
INITIALIZER_TEXT = '"""Generated QEff models. Every file below is written by qeff_codegen."""\n'


def modeling_path(folder: Path, name: str) -> Path:
    """Where the modeling file of model `name` stands."""
    return folder / name / f"modeling_{name}.py"


def package_initializer(folder: Path, name: str) -> Path:
    """Where the initializer of model `name`'s package stands."""
    return folder / name / INITIALIZER
