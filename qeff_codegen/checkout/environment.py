"""What a process needs to run a checkout's code beside ours, and to leave no trace."""

from __future__ import annotations

import os
from pathlib import Path

import qeff_codegen


def environment_for(checkout: Path, folder: Path) -> dict[str, str]:
    """The environment variables of a process that imports QEfficient from `checkout`, and this package.

    Nothing is written but into `folder`, nothing is downloaded, and of ours the package alone can be imported: what
    lies beside it, where it is installed, would take the place of the interpreter's own.
    """
    ours = folder / "import"
    ours.mkdir()
    (ours / qeff_codegen.__name__).symlink_to(Path(qeff_codegen.__file__ or "").resolve().parent)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return inherited | {
        "HF_HUB_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join((str(checkout), str(ours))),
        "QEFF_HOME": str(folder / "models"),
        "TMPDIR": str(folder),
    }
