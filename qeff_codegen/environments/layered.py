"""A virtual environment that rests on the running one: it holds what differs, and takes the rest from there.

A `.pth` file names the running environment's folders. So it takes 70 MB and some seconds, where torch alone takes a
gigabyte; and both run on the same torch, the same exporter and the same ONNX Runtime.

pip sees those folders too, so it finds what is there already, and installs into the new environment what is missing or
does not suit. It never removes anything outside the environment it runs in.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from qeff_codegen.environments.foundation import Foundation, running_environment
from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.cache_folder import cache_folder
from qeff_codegen.upstream.pip_reason import pip_reason

# Read last of all `.pth` files, as they are read in alphabetical order.
_PATH_FILE = "zz_running_environment.pth"


def layered_python(name: str, requirements: tuple[str, ...], what: str) -> Path:
    """The interpreter of an environment with `requirements` on top of the running one, made when first asked for.

    Args:
        name: of its folder in the cache, without what tells the running environments apart.
        requirements: what pip installs: names with versions, or paths of wheels.
        what: the same, for messages.

    Raises:
        UsageError: pip has not got `requirements` or what they need, or the cache folder cannot be written.
    """
    foundation = running_environment()
    folder = cache_folder() / "environments" / f"{name}-{foundation.sha256[:12]}"
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            _make(folder, requirements, what, foundation)
        except OSError as error:
            raise UsageError(
                f"The cache folder {folder.parent} cannot be written: {error.strerror}.\n"
                "Set QEFF_CODEGEN_CACHE to a folder that can."
            ) from error
    return _interpreter(folder)


def _make(folder: Path, requirements: tuple[str, ...], what: str, foundation: Foundation) -> None:
    """Make the environment beside its place, then rename it; of two processes, the first to be done wins.

    The scripts in its `bin` keep the path they were made at and are of no use; its interpreter is a link and is.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".", ignore_cleanup_errors=True) as temporary:
        made = Path(temporary) / folder.name
        venv.create(made, symlinks=True)
        packages = made / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        (packages / _PATH_FILE).write_text(foundation.path_file, "utf-8")
        _install(_interpreter(made), requirements, what)
        try:
            os.rename(made, folder)
        except OSError:
            if not folder.is_dir():
                raise


def _install(python: Path, requirements: tuple[str, ...], what: str) -> None:
    """Wheels only, as building a source archive would run its code. What is imported is compiled when it is."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--retries", "1", "--only-binary", ":all:", "--no-compile", "--no-warn-script-location"]
    result = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise UsageError(
            f"pip could not install {what} into an environment of its own: {pip_reason(result.stderr)}\n"
            "Check the network, and that pip's index has what this release needs."
        )


def _interpreter(folder: Path) -> Path:
    return folder / "bin" / "python"
