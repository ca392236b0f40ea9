"""Runs in the checkout's interpreter: python -m qeff_codegen.checkout.worker CHECKOUT PINNED NAME...

PINNED is the transformers release that the checkout is for. Events go to standard output as they happen;
what libraries print there goes to standard error.
"""

import sys

# Before anything of ours is read, which an older Python could not; a checkout's may be older than our own.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("Python {}.{} is too old for the stages: they need 3.11 or newer.".format(*sys.version_info))

import os
import signal
import traceback
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TextIO

from qeff_codegen.checkout.worker_events import CannotGoOn, Done, RowsKnown, WorkerEvent, to_line
from qeff_codegen.errors import UsageError


def main() -> None:
    """Run the stages of every name, or say why none can run."""
    # Whoever started this process ends it, and says so.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    checkout, pinned, *names = sys.argv[1:]
    with _own_standard_output() as output:
        try:
            for event in _events(Path(checkout), pinned, names):
                output.write(to_line(event))
                output.flush()
        except UsageError as error:
            output.write(to_line(CannotGoOn(str(error))))
        except Exception as error:  # a checkout's or upstream's code may raise anything
            output.write(to_line(CannotGoOn(f"The stages cannot go on in {checkout}: {_raised(error)}")))


def _own_standard_output() -> TextIO:
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return output


def _events(checkout: Path, pinned: str, names: list[str]) -> Iterator[WorkerEvent]:
    _check_release(pinned)
    try:
        from qeff_codegen.checkout.plan_in_checkout import plan_in_checkout
        from qeff_codegen.validation.process_settings import one_thread, quiet_upstream
    except Exception as error:  # a checkout's code may raise anything
        raise UsageError(_not_imported(error, checkout)) from error
    quiet_upstream()
    plans = [plan_in_checkout(name, checkout) for name in names]
    yield RowsKnown(tuple(row for plan in plans for row in plan.rows()))
    with one_thread():
        for plan in plans:
            yield from plan.run()
    yield Done()


def _check_release(pinned: str) -> None:
    try:
        installed = version("transformers")
    except PackageNotFoundError:
        raise UsageError(f"{sys.executable} has no transformers. {_INSTALL}") from None
    if installed != pinned:
        raise UsageError(
            f"{sys.executable} has transformers {installed}, and the checkout pins {pinned}: its code is for that "
            f"release alone. {_INSTALL}"
        )


_INSTALL = (
    "Install the checkout and what it needs there (`pip install -e .` in it), or name another interpreter with "
    "--checkout-python."
)


def _not_imported(error: Exception, checkout: Path) -> str:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] != "QEfficient":
        return f"{sys.executable} has no package `{error.name}`, which QEfficient or the stages import. {_INSTALL}"
    return f"QEfficient of {checkout} cannot be imported: {_raised(error)}\nMend it, or undo what was changed there."


def _raised(error: Exception) -> str:
    """What was raised and where, without the way there."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).exists()]
    # A syntax error is not raised where it is.
    where = getattr(error, "filename", None) or (frames[-1].filename if frames else "")
    line = getattr(error, "lineno", None) or (frames[-1].lineno if frames else "")
    return f"{type(error).__name__}: {error}\n  at {where}:{line}"


if __name__ == "__main__":
    main()
