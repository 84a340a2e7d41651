"""Python files of the user's own that register losses, layers, samplers ... before flags are parsed."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from visionfw.errors import RequestError, brief
from visionfw.io.paths import user_path

HELP = "Python files or modules to import first, joined by commas; they may call vf.register_loss, vf.register_layer, ..."
#: Names plugins as --plugins does; processes that a command starts inherit it.
VARIABLE = "VISIONFW_PLUGINS"


def load_plugins(arguments: Sequence[str] = ()) -> None:
    """Import what --plugins on a command line, or the environment, names, and pass it on to processes that are started later.

    Raises:
        RequestError: a file or module is not there, or fails when it is imported.
    """
    texts = [argument.partition("=")[2] for argument in arguments if argument.lstrip("-").startswith("plugins=")] or [os.environ.get(VARIABLE, "")]
    names = [_absolute(part.strip()) for text in texts for part in text.split(",") if part.strip()]
    for name in names:
        _load(name)
    if names:
        os.environ[VARIABLE] = ",".join(names)


def _absolute(name: str) -> str:
    return str(user_path(name).resolve()) if name.endswith(".py") else name


def _load(name: str) -> None:
    try:
        if name.endswith(".py"):
            _run_file(Path(name))
        else:
            importlib.import_module(name)
    except RequestError:
        raise
    except ModuleNotFoundError as error:
        raise RequestError(f"--plugins={name}: {error.msg}; name a .py file or an installed module") from error
    except Exception as error:  # a user's file may raise anything
        raise RequestError(f"--plugins={name}: {type(error).__name__}: {brief(error)}") from error


def _run_file(path: Path) -> None:
    """Run a file as a module, once in a process."""
    module_name = f"visionfw_plugin_{path.stem}"
    if getattr(sys.modules.get(module_name), "__file__", None) == str(path):
        return
    if not path.is_file():
        raise RequestError(f"--plugins={path}: there is no such file")
    spec = importlib.util.spec_from_file_location(module_name, path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)  # type: ignore[union-attr]
    except BaseException:
        del sys.modules[module_name]
        raise
