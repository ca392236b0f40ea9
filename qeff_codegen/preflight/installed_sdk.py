"""Which versions of Qualcomm's Cloud AI SDK are installed, by the files in which its two packages say so."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

# The Apps SDK has the compiler, the Platform SDK the runtime.
APPS_FILE = Path("/opt/qti-aic/versions/apps.xml")
PLATFORM_FILE = Path("/opt/qti-aic/versions/platform.xml")


def sdk_version(file: Path) -> str | None:
    """The version in one of the two files; None where no SDK is installed."""
    try:
        return ElementTree.parse(file).getroot().findtext(".//base_version")
    except (OSError, ElementTree.ParseError):
        return None
