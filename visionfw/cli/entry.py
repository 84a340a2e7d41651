"""What every command shares: errors become lines, and lines have an exit status."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

from visionfw.errors import RequestError, VisionfwError, unknown
from visionfw.io.plugins import load_plugins

COMMANDS = {
    "train": "train a model on image sets, into a run directory",
    "evaluate": "measure a model beside bicubic, or upscale images with it",
    "rank": "rank training sets, models or samplers",
    "export": "write a trained model for other programs",
    "prepare": "check, cache, degrade, tile and fetch image sets",
}
_HELP = ("-h", "--help", "-help", "--helpfull", "--helpshort")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `visionfw COMMAND ...`."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in (*_HELP, "help"):
        print("\n".join(["visionfw COMMAND [--flags]", "", *(f"  {name.ljust(10)}{text}" for name, text in COMMANDS.items())]))
        sys.exit(0 if arguments else 2)
    if arguments[0] not in COMMANDS:
        _exit(RequestError(unknown("command", arguments[0], COMMANDS)))
    command(arguments[0], arguments[1:], f"visionfw {arguments[0]}")


def command(name: str, arguments: Sequence[str] | None = None, shown: str | None = None) -> None:
    """Run one command; exit with 1 where the work failed, 2 where the request was wrong, 130 where it was interrupted.

    Args:
        name: from COMMANDS.
        arguments: the command line; the process's own unless given.
        shown: how the command is called in messages.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    shown = shown or f"python {name}.py"
    module = import_module(f"visionfw.cli.{name}")
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # file names need not be text
    warnings.filterwarnings("ignore", module=r"PIL\.")  # a file's defects are reported as errors, or are harmless
    try:
        if any(argument in _HELP for argument in arguments):
            print(module.define(shown, arguments).help(), flush=True)
            return
        load_plugins(arguments)
        module.run(shown, arguments)
    except VisionfwError as error:
        _exit(error)
    except BrokenPipeError:  # `| head` has read enough
        os._exit(1)
    except OSError as error:  # a full disk, a folder without permission
        _exit(VisionfwError(f"{error.filename or name}: {error.strerror or error}"))
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)


def _exit(error: VisionfwError) -> None:
    for line in str(error).splitlines():
        print(f"error: {line}", file=sys.stderr)
    sys.exit(error.status)
