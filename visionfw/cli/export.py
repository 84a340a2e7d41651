"""`export.py`: write a trained model for other programs."""

from __future__ import annotations

from collections.abc import Sequence

from visionfw.cli.flags import Flags
from visionfw.cli.listing import listing
from visionfw.config import from_flags
from visionfw.export.config import ExportConfig
from visionfw.io.plugins import HELP as PLUGINS_HELP


def define(command: str, arguments: Sequence[str] = ()) -> Flags:
    """Return export's flags."""
    flags = Flags(
        command,
        "write a trained model for other programs: weights under the names that the reference implementation gives them.",
        [f"{command} --run=latest --out=model.safetensors", f"{command} --weights=old.pth --out=model.safetensors"],
    )
    flags.add_config(ExportConfig)
    flags.add("plugins", str, PLUGINS_HELP, takes="=FILES")
    flags.add_list()
    return flags


def run(command: str, arguments: Sequence[str]) -> None:
    """Run export.py with a command line."""
    values = define(command).parse(arguments)
    if "list" in values:
        print(listing(values["list"], None))
        return
    values.pop("plugins", None)
    config = from_flags(ExportConfig, values)
    from visionfw.export.export import export

    print(export(config))
