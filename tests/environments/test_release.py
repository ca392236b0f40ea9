"""Environments of other releases, made by the real pip from wheels in a folder, without a network."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qeff_codegen.environments.foundation import running_environment
from qeff_codegen.environments.release import release_python
from qeff_codegen.errors import UsageError
from tests.upstream.conftest import FILES

LOOK = """
import importlib.metadata, importlib.util, json, sys
names = ("transformers", "plum", "numpy", "qeff_codegen", "rewrite_rules")
places = {name: importlib.util.find_spec(name).origin for name in names}
print(json.dumps({"version": importlib.metadata.version("transformers"), "prefix": sys.prefix} | places))
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder with the wheel of transformers 9.8.7 in it, and an index that has what it needs and no more."""
    cache, index = tmp_path / "cache", tmp_path / "index"
    for folder in (cache / "transformers", index):
        folder.mkdir(parents=True)
    files = {f"transformers/{name}": text for name, text in FILES.items()}
    make_wheel(cache / "transformers", "transformers", "9.8.7", files, needs=("plum>=2", "numpy>=1.17"))
    make_wheel(index, "plum", "2.1", {"plum.py": ""})
    settings = {
        "QEFF_CODEGEN_CACHE": cache,
        "PIP_NO_INDEX": 1,
        "PIP_FIND_LINKS": index,
        "PIP_CONFIG_FILE": "/dev/null",
    }
    for variable, value in settings.items():
        monkeypatch.setenv(variable, str(value))
    return cache


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str], needs: tuple[str, ...] = ()) -> None:
    """A wheel that pip installs."""
    facts = f"{name}-{version}.dist-info"
    requirements = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = files | {
        f"{facts}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requirements}",
        f"{facts}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{facts}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in (files | {f"{facts}/RECORD": record}).items():
            archive.writestr(path, text)


def look_into(python: Path, folder: Path) -> dict[str, str]:
    """What an environment's interpreter finds, started from a folder that offers nothing."""
    answer = subprocess.run([python, "-c", LOOK], cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(answer.stdout)
    return found


def place_of(package: str) -> str | None:
    spec = importlib.util.find_spec(package)
    return spec.origin if spec else None


def test_an_environment_of_another_release(cache: Path, tmp_path: Path) -> None:
    before = importlib.metadata.version("transformers")
    python = release_python("9.8.7")
    found = look_into(python, tmp_path)
    own = Path(found["prefix"])
    assert python == own / "bin" / "python"
    assert own.parent == cache / "environments"
    assert own.name.startswith("transformers-9.8.7-")
    assert found["version"] == "9.8.7"
    # What the release needs and the running environment lacks is its own; all else is the running environment's.
    assert Path(found["transformers"]).is_relative_to(own)
    assert Path(found["plum"]).is_relative_to(own)
    assert found["numpy"] == place_of("numpy")
    assert found["qeff_codegen"] == place_of("qeff_codegen")
    assert not Path(found["rewrite_rules"]).is_relative_to(own)
    # The running environment is left as it was.
    assert importlib.metadata.version("transformers") == before
    # Nothing else is left behind, and asking again finds it, with no index to ask.
    assert list(own.parent.iterdir()) == [own]
    (tmp_path / "index" / "plum-2.1-py3-none-any.whl").unlink()
    assert release_python("9.8.7") == python


def test_two_processes_at_once(cache: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(release_python, ["9.8.7", "9.8.7"])
    assert first == second
    assert look_into(first, tmp_path)["version"] == "9.8.7"
    assert len(list((cache / "environments").iterdir())) == 1


def test_the_running_release_needs_none(cache: Path) -> None:
    assert release_python(importlib.metadata.version("transformers")) == Path(sys.executable)
    assert not (cache / "environments").exists()


def test_something_it_needs_is_not_to_be_had(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "index" / "plum-2.1-py3-none-any.whl").unlink()
    with pytest.raises(UsageError) as caught:
        release_python("9.8.7")
    assert str(caught.value) == (
        "pip could not install transformers 9.8.7 into an environment of its own: "
        "No matching distribution found for plum>=2\n"
        "Check the network, and that pip's index has what this release needs."
    )
    assert list((cache / "environments").iterdir()) == []


def test_an_unknown_release(cache: Path) -> None:
    with pytest.raises(UsageError, match=r"pip could not download transformers 9\.8\.6: No matching distribution"):
        release_python("9.8.6")
    with pytest.raises(UsageError, match="`latest` is not a version of transformers"):
        release_python("latest")


def test_a_folder_that_cannot_be_written(cache: Path) -> None:
    (cache / "environments").write_text("a file where the folder should be")
    with pytest.raises(UsageError) as caught:
        release_python("9.8.7")
    assert str(caught.value) == (
        f"The cache folder {cache}/environments cannot be written: File exists.\n"
        "Set QEFF_CODEGEN_CACHE to a folder that can."
    )


def test_another_package_is_another_foundation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = running_environment()
    packages = tmp_path / "site-packages"
    facts = packages / "pear-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: pear\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(packages)
    after = running_environment()
    assert set(after.packages) - set(before.packages) == {"pear==1.0"}
    assert after.folders[:2] == (before.folders[0], packages)
    assert after.sha256 != before.sha256
    assert str(packages) in after.path_file.splitlines()
