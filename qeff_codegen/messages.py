"""How errors reach the user: one message on standard error and an exit code, never a traceback."""

from __future__ import annotations

from typing import Any

import click

from qeff_codegen.errors import EXIT_STOPPED, QEffCodegenError
from qeff_codegen.stopping import say_stopped


class MessageCommand(click.Command):
    """A command whose errors, where they are meant for the user, become a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except QEffCodegenError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            say_stopped()
            # Most commands never need it, and the fastest ones would notice.
            import multiprocessing

            # A generator that was left in the middle may hold workers, which would be waited for.
            for worker in multiprocessing.active_children():
                worker.kill()
            ctx.exit(EXIT_STOPPED)
