"""One door for every command: errors become lines, and lines have an exit status."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

from visionfw.errors import RequestError, VisionfwError, unknown

COMMANDS = {
    "train": "train a model on image sets, into a run directory",
    "evaluate": "measure a model beside bicubic",
    "rank": "rank training sets, models or samplers",
    "prepare": "check, cache, degrade, divide and fetch image sets",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `visionfw COMMAND ..`."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print("\n".join(["visionfw COMMAND [--flags]", "", *(f"  {name.ljust(10)}{text}" for name, text in COMMANDS.items())]))
        sys.exit(0 if arguments else 2)
    if arguments[0] not in COMMANDS:
        _end(RequestError(unknown("command", arguments[0], COMMANDS)))
    command(arguments[0], arguments[1:], f"visionfw {arguments[0]}")


def command(name: str, arguments: Sequence[str] | None = None, shown: str | None = None) -> None:
    """Run one command and leave with its exit status: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    shown = shown or f"python {name}.py"
    room = import_module(f"visionfw.cli.{name}")
    sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be text
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what is wrong with a file is told as an error, or harmless
    try:
        if any(argument in ("-h", "--help", "-help", "--helpfull", "--helpshort") for argument in arguments):
            flags = room.define_for(shown, arguments) if hasattr(room, "define_for") else room.define(shown)
            print(flags.help(), flush=True)
        else:
            room.run(shown, arguments)
    except VisionfwError as error:
        _end(error)
    except BrokenPipeError:  # `| head` has seen enough
        os._exit(1)
    except OSError as error:  # a disk that is full, a folder that may not be read
        _end(VisionfwError(f"{error.filename or name}: {error.strerror or error}"))
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)


def _end(error: VisionfwError) -> None:
    for line in str(error).splitlines():
        print(f"error: {line}", file=sys.stderr)
    sys.exit(error.status)
