"""The wheel of a transformers release: fetched with pip into the cache folder, once, and never installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.cache_folder import cache_folder
from qeff_codegen.upstream.pip_reason import pip_reason


def transformers_wheel(version: str) -> Path:
    """The wheel of `transformers==version`, from the cache or from pip (about 11 MB).

    Raises:
        UsageError: `version` is no version, pip has no such wheel, or the cache folder cannot be written.
    """
    if not re.fullmatch(r"\d+(\.\d+)*(\.?(a|b|rc|post|dev)\d+)*", version):
        raise UsageError(f"`{version}` is not a version of transformers.\nGive one like --transformers 5.24.0.")
    cached = cached_wheel(version)
    if cached is not None:
        return cached
    wheel = _place(version)
    folder = wheel.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            os.replace(_download(version, Path(temporary)), wheel)
    except OSError as error:
        raise UsageError(
            f"The cache folder {folder} cannot be written: {error.strerror}.\n"
            "Set QEFF_CODEGEN_CACHE to a folder that can."
        ) from error
    return wheel


def cached_wheel(version: str) -> Path | None:
    """The wheel of `transformers==version`, if it was fetched before."""
    wheel = _place(version)
    return wheel if wheel.is_file() else None


def _place(version: str) -> Path:
    return cache_folder() / "transformers" / f"transformers-{version}-py3-none-any.whl"


def _download(version: str, folder: Path) -> Path:
    """Ask pip for the wheel, and only for a wheel: building a source archive would run its code."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--retries", "1", "--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    result = subprocess.run([*command, f"transformers=={version}"], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode == 0 and wheels:
        return wheels[0]
    raise UsageError(
        f"pip could not download transformers {version}: {pip_reason(result.stderr)}\n"
        f"{_hint(result.stderr)}, or name an unpacked tree or a wheel with --source PATH."
    )


def _hint(output: str) -> str:
    """What to do: pip lists the versions it knows, or none when it reaches no index."""
    versions = re.search(r"\(from versions: ([^)]*)\)", output)
    known = [] if versions is None or versions.group(1) == "none" else versions.group(1).split(", ")
    if known:
        return f"The newest versions pip knows are {', '.join(known[-3:])}: choose one that exists"
    return "pip reaches no index that has transformers: check the network"
