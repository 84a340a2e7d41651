"""`train.py`: train a model on image sets, into a run directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from visionfw.backend.start import start_backend
from visionfw.cli.flags import Flags
from visionfw.cli.listing import listing
from visionfw.config import read_toml, with_flags
from visionfw.io.plugins import HELP as PLUGINS_HELP
from visionfw.training.config import TrainConfig
from visionfw.training.preflight import preflight, resumed

_COMMAND_FLAGS = ("resume", "dry_run", "config", "plugins")


def define(command: str, arguments: Sequence[str] = ()) -> Flags:
    """Return train's flags."""
    flags = Flags(
        command,
        "train a super-resolution model, written as a dictionary, into a run directory.",
        [f"{command} --scale=4", f"{command} --model=srresnet --model_args=blocks=8,filters=32 --train_data=DIV2K --data_root=/data --steps=100000"],
    )
    flags.add_config(TrainConfig)
    flags.add("resume", bool, "continue the run in --run_dir from its last checkpoint", default_text="--run_dir=latest")
    flags.add("dry_run", bool, "do everything up to the first steps, report memory and duration, and stop; nothing is written")
    flags.add("config", str, "TOML file with values of flags, such as the config.toml of a run; flags on the command line win", takes="=FILE")
    flags.add("plugins", str, PLUGINS_HELP, takes="=FILES")
    flags.add_list()
    return flags


def run(command: str, arguments: Sequence[str]) -> None:
    """Run train.py with a command line."""
    values = define(command).parse(arguments)
    if "list" in values:
        print(listing(values["list"], values.get("data_root")))
        return
    options = {name: values.pop(name, None) for name in _COMMAND_FLAGS}
    request, own = resumed(values) if options["resume"] else (request_of(values, options["config"]), None)
    flight = preflight(request, own)
    start_backend(request.runtime.devices)
    if options["dry_run"]:
        from visionfw.training.timing import dry_run

        dry_run(flight)
    else:
        from visionfw.training.fit import fit

        fit(flight, own=own)


def request_of(values: Mapping[str, Any], file: str | None) -> TrainConfig:
    """Return the training that flags, and a TOML file behind them, ask for."""
    return with_flags(read_toml(TrainConfig, file) if file else TrainConfig(), values)
