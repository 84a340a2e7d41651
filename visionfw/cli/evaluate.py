"""`evaluate.py`: measure a model on image sets beside bicubic, by the field's protocol; or upscale images with it."""

from __future__ import annotations

from collections.abc import Sequence

from visionfw.cli.flags import Flags
from visionfw.cli.listing import listing
from visionfw.config import from_flags
from visionfw.evaluation.config import EvaluateConfig
from visionfw.io.plugins import HELP as PLUGINS_HELP


def define(command: str, arguments: Sequence[str] = ()) -> Flags:
    """Return evaluate's flags."""
    flags = Flags(
        command,
        "measure a model on image sets beside bicubic, PSNR and SSIM of Y by the field's protocol; or upscale any images with it.",
        [
            f"{command} --run=runs/edsr_small_x4-1",
            f"{command} --run=latest --test_data=Set5,Set14 --data_root=/data --report=x.html,x.json",
            f"{command} --model=edsr --weights=edsr.weights.h5 --scale=4 --test_data=Set5,Set14 --data_root=/data",
            f"{command} --run=latest --images=holiday --out=holiday_x4 --self_ensemble",
        ],
    )
    flags.add_config(EvaluateConfig)
    flags.add("plugins", str, PLUGINS_HELP, takes="=FILES")
    flags.add_list()
    return flags


def run(command: str, arguments: Sequence[str]) -> None:
    """Run evaluate.py with a command line."""
    values = define(command).parse(arguments)
    if "list" in values:
        print(listing(values["list"], values.get("data_root")))
        return
    values.pop("plugins", None)
    config = from_flags(EvaluateConfig, values)
    if config.subject.weight_names == "show":
        from visionfw.evaluation.evaluate import show_weight_names

        print(show_weight_names(config))
        return
    from visionfw.evaluation.evaluate import measure, upscale_files

    print(measure(config, print) if config.upscale.images is None else upscale_files(config, print))
