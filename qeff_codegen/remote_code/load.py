"""Import a model's own modules from where they stand, once the user trusts them, and find its classes there."""

from __future__ import annotations

import hashlib
import importlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from qeff_codegen.environments.release import OLDEST, is_too_old
from qeff_codegen.errors import UsageError
from qeff_codegen.remote_code.executed_files import Executed, executed_files
from qeff_codegen.remote_code.source import RemoteSource

OPTION = "--trust-remote-code"
# A file of transformers' tree imports from above its folder, so it must seem to stand there; all others must not, as
# transformers tells its own classes by their modules.
_PACKAGES = ("qeff_remote_{}", "transformers.models.qeff_remote_{}")


@dataclass(frozen=True)
class RemoteClasses:
    """The classes of a model that is not in transformers.

    Attributes:
        config_class: its configuration class.
        causal_lm_class: its causal LM.
        modeling: the module of that.
        settings: what its checkpoint's `config.json` calls the configuration class with; empty where there is none.
        folder: where the causal LM's file stands.
        transformers_version: the release that the checkpoint was saved with, if it says so.
    """

    config_class: type[Any]
    causal_lm_class: type[Any]
    modeling: ModuleType
    settings: Mapping[str, Any]
    folder: Path
    transformers_version: str | None


def check_trusted(source: RemoteSource, trusted: bool) -> Executed:
    """The files that running the model of `source` would execute; nothing is executed for it.

    Raises:
        UsageError: the user does not trust them.
    """
    modules = dict.fromkeys(path for path, _ in (source.causal_lm, source.configuration) if path is not None)
    executed = executed_files(modules)
    if not trusted:
        raise UsageError(_refused(executed))
    return executed


def load_remote_classes(source: RemoteSource, trusted: bool) -> RemoteClasses:
    """Import the modules of `source` and give its classes.

    Raises:
        UsageError: the user does not trust them, or they cannot be imported, or lack a class.
    """
    executed = check_trusted(source, trusted)
    with _known_by_plain_names(executed, source):
        module = _imported(source.causal_lm[0], executed, source)
    causal_lm_class = _class_of(module, source.causal_lm[1], source.causal_lm[0])
    path, name = source.configuration
    if path is None:
        config_class = causal_lm_class.config_class
        if config_class is None:
            raise UsageError(
                f"{causal_lm_class.__name__} has no `config_class`, so no configuration can be made for it.\n"
                "Name the class in the `auto_map` of a config.json beside its file, for AutoConfig."
            )
    else:
        with _known_by_plain_names(executed, source):
            config_class = _class_of(_imported(path, executed, source), name, path)
    for cls, auto_class in ((config_class, "AutoConfig"), (causal_lm_class, "AutoModelForCausalLM")):
        # As transformers does with what it loads itself: it is told to be lenient with such classes.
        if not executed.climbs:
            cls.register_for_auto_class(auto_class)
    folder = source.causal_lm[0].parent
    return RemoteClasses(config_class, causal_lm_class, module, source.settings, folder, source.transformers_version)


def _refused(executed: Executed) -> str:
    files = "\n".join(f"  {path}" for path in executed.files)
    return (
        f"Running this model executes code that came with it:\n{files}\n"
        f"Nothing was executed. Read these files; if you trust them, give {OPTION}."
    )


@contextmanager
def _known_by_plain_names(executed: Executed, source: RemoteSource) -> Iterator[None]:
    """Let files that import those beside them as if these were installed find them; nobody else finds them so."""
    names = [path.stem for path in executed.by_plain_names]
    try:
        for path in executed.by_plain_names:
            sys.modules[path.stem] = _imported(path, executed, source)
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)


def _imported(path: Path, executed: Executed, source: RemoteSource) -> ModuleType:
    package = source.package or _package(path.parent, executed)
    if source.package:
        # Generated code imports the same module by that name.
        sys.path[:] = dict.fromkeys([*sys.path, str(source.root)])
    try:
        return importlib.import_module(f"{package}.{path.stem}")
    except Exception as error:  # a stranger's code may raise anything
        raise UsageError(_not_imported(path, error, source)) from error


def _package(folder: Path, executed: Executed) -> str:
    """A package of its own for the folder: no module of it can be taken for another's, nor another's for one of it."""
    name = _PACKAGES[executed.climbs].format(_place(folder))
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder.resolve()), *(_models_of_transformers(executed) if executed.climbs else ())]
        sys.modules[name] = package
        importlib.invalidate_caches()
    return name


def _place(folder: Path) -> str:
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]


def _models_of_transformers(executed: Executed) -> list[str]:
    """Where a copy of a file of transformers finds what stands beside the original: its configuration."""
    import transformers.models

    families = {path.stem.partition("_")[2] for path in executed.files}
    folders = [Path(place) / family for place in transformers.models.__path__ for family in sorted(families)]
    return [str(folder) for folder in folders if folder.is_dir()]


def _class_of(module: ModuleType, name: str, path: Path) -> type[Any]:
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise UsageError(f"{path} has no class `{name}` once it is imported.\nName the right one with --class.")
    return found


def where_and_what(error: Exception, folder: Path) -> str:
    """An exception of a stranger's code in one line: what it says, and the last line of the folder that it passed."""
    place = folder.resolve()
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent == place]
    where = f" ({own[-1].filename}:{own[-1].lineno}: {own[-1].line})" if own else ""
    if isinstance(error, SyntaxError):
        where = f" ({error.filename}:{error.lineno})"
    return f"{type(error).__name__}: {error}".splitlines()[0] + where


def release_hint(written_for: str | None) -> str:
    """What to do about code that does not suit the installed transformers."""
    installed = version("transformers")
    if written_for is None or written_for == installed:
        return f"transformers {installed} is installed; give --transformers VERSION if it is written for another one."
    release = OLDEST if is_too_old(written_for) else written_for
    if release == installed:
        return (
            f"It was saved with transformers {written_for}, and {installed} is installed, which is the oldest that "
            f"generated code runs with: bring the file to {installed}."
        )
    return (
        f"It was saved with transformers {written_for}, and {installed} is installed. Run the command with "
        f"--transformers {release}, or bring the file to {installed}."
    )


def _not_imported(path: Path, error: Exception, source: RemoteSource) -> str:
    hint = release_hint(source.transformers_version)
    missing = (error.name or "") if isinstance(error, ModuleNotFoundError) else ""
    package, _, beside = missing.rpartition(".")
    missing = missing.split(".")[0]
    if package and package in (source.package, *(name.format(_place(path.parent)) for name in _PACKAGES)):
        hint = f"{beside}.py is not in its folder: copy it there too."
    elif missing and missing != "transformers":
        hint = f"Install the package `{missing}` if you trust it, or take the import out of a copy of the folder."
    return f"{path} cannot be imported: {where_and_what(error, path.parent)}.\n{hint}"
