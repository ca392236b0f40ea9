"""A checkout of quic/efficient-transformers: where things stand in it, and which transformers it is made for."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from qeff_codegen.errors import UsageError

PROJECT = Path("pyproject.toml")
MODELS = Path("QEfficient/transformers/models")
TRANSFORMS = MODELS / "pytorch_transforms.py"
CONFIGURATIONS = Path("tests/configs/causal_model_configs.json")
MODELS_TABLE = Path("docs/source/validate.md")
SPECULATION = Path("QEfficient/transformers/spd/spd_transform_forward.py")
SAMPLER = Path("QEfficient/transformers/sampler/sampler.py")


class NotUtf8(UsageError):
    """A file is there and is no UTF-8."""


@dataclass(frozen=True)
class Checkout:
    """A checkout, as `open_checkout` found it.

    Attributes:
        root: its folder.
        transformers: the release that its `pyproject.toml` pins, such as `5.5.4`.
    """

    root: Path
    transformers: str

    def initializer(self, name: str) -> Path:
        """Where the initializer of model `name`'s package stands, relative to the checkout."""
        return MODELS / name / "__init__.py"

    def modeling(self, name: str) -> Path:
        """Where the modeling file of model `name` stands, relative to the checkout."""
        return MODELS / name / f"modeling_{name}.py"

    def read(self, path: Path) -> str | None:
        """The text of a file, line ends as they are; None when there is none.

        Args:
            path: relative to the checkout.

        Raises:
            NotUtf8: it is no UTF-8.
            UsageError: it is there and cannot be read.
        """
        try:
            return (self.root / path).read_bytes().decode("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except UnicodeDecodeError as error:
            raise NotUtf8(f"{self.root / path} cannot be read: {error}.") from error
        except OSError as error:
            raise UsageError(f"{self.root / path} cannot be read: {error}.") from error


def open_checkout(path: Path) -> Checkout:
    """The checkout at `path`.

    Raises:
        UsageError: there is none, or its `pyproject.toml` does not pin one release of transformers.
    """
    for needed in (TRANSFORMS, PROJECT):
        if not (path / needed).is_file():
            found = "has no" if path.is_dir() else "is no folder, so it has no"
            raise UsageError(
                f"{path} is no checkout of quic/efficient-transformers: it {found} {needed}.\n"
                "Give --checkout the folder that `git clone` made."
            )
    return Checkout(path, _pinned(path / PROJECT))


def _pinned(project: Path) -> str:
    try:
        dependencies = tomllib.loads(project.read_text("utf-8"))["project"]["dependencies"]
        pins = {version for line in dependencies for version in _exact(line)}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{project} cannot be read: {error}.\nRestore it with git checkout.") from error
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"{project} has no list [project].dependencies, which would say what transformers to generate from."
        ) from error
    if len(pins) != 1:
        found = f"pins several: {', '.join(sorted(pins))}" if pins else "pins none"
        raise UsageError(
            f"[project].dependencies of {project} should pin one release of transformers, as `transformers==5.5.4` "
            f"does, and {found}.\nGenerated code belongs to one release: have the checkout pin it."
        )
    return pins.pop()


def _exact(line: str) -> Iterator[str]:
    """The release that a requirement pins, if it is one of transformers and pins one."""
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        # Of another package: this one would be read.
        return
    if canonicalize_name(requirement.name) == "transformers":
        yield from (
            item.version
            for item in requirement.specifier
            if item.operator in ("==", "===") and not item.version.endswith(".*")
        )
