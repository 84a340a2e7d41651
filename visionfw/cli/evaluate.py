"""`evaluate.py`: measure a model on image sets beside bicubic, by the field's protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visionfw import config
from visionfw.cli.backend import start_backend
from visionfw.cli.flags import Flags
from visionfw.cli.listing import listing
from visionfw.models import parse_arguments


def define(command: str) -> Flags:
    """Return evaluate's flags."""
    found = Flags(
        command,
        "measure a model on image sets beside bicubic: PSNR and SSIM of Y by the field's protocol.",
        [f"{command} --run=runs/edsr_small_x4-1", f"{command} --model=edsr --weights=edsr.weights.h5 --scale=4 --test_data=Set5,Set14 --data_root=/data"],
    )
    found.text("run", None, "run directory of train.py, or 'latest' for the newest under runs/")
    found.text("model", None, "name in model_defs/, or a .py or .json file, with --weights")
    found.text("model_args", "", "arguments of the model's function: blocks=8,filters=32")
    found.text("weights", None, ".weights.h5 or .keras file for --model")
    found.number("scale", None, "SR size / LR size; the run's own unless given")
    found.text("test_data", "embedded/test", "image sets to test on: names or folders, joined by commas")
    found.text("data_root", None, "folder that data names are looked up in; $VISIONFW_DATA unless given")
    found.text("degradation", None, "how LR images are made, as for train.py; the run's own unless given, else bicubic")
    found.number("degradation_seed", None, "of what is random in the degradation; the run's own unless given, else 0")
    found.text("report", None, "file to write the table and every image's figures to: .md, .csv or .json")
    found.text("precision", "float32", ", ".join(config.PRECISIONS))
    found.listing("list", "what can be named: models, datasets, ...")
    return found


def run(command: str, arguments: Sequence[str]) -> None:
    """Run evaluate.py with a command line."""
    values = define(command).parse(arguments)
    list_kind = values.pop("list")
    if list_kind is not None:
        print(listing(list_kind, values["data_root"]))
        return
    values["model_args"] = tuple(parse_arguments(values["model_args"]).items())
    request = config.EvaluateRequest(**values)
    print(_measure(request))


def _measure(request: config.EvaluateRequest) -> str:
    """Open the model, score it, write the report; return the table."""
    start_backend()
    from visionfw import reports
    from visionfw.checkpoints import open_subject
    from visionfw.data.datasets import find_sets
    from visionfw.data.known import unlike_published
    from visionfw.evaluation.benchmark import benchmark
    from visionfw.evaluation.protocol import Protocol
    from visionfw.inference import super_resolve
    from visionfw.progress import counter

    find_sets(request.test_data, request.data_root, request.scale or 1)  # a wrong name is told before a model is built
    subject = open_subject(request)
    sets = find_sets(request.test_data, request.data_root, subject.scale)
    protocol = Protocol(subject.colour, subject.scale, subject.degradation)
    told = [line for images in sets for line in images.told(protocol.how) if not protocol.is_float]
    for line in (*(line for images in sets for line in unlike_published(images)), *told):
        print(line)
    scores = benchmark(lambda lr: super_resolve(subject.model, lr), sets, protocol, counter("measuring images"))
    rows = [score.row(subject.name) for score in scores]
    record = protocol.record() | ({"LR": "; ".join(told)} if told else {})
    if request.report:
        reports.write_report(Path(request.report), record, rows, [row for score in scores for row in score.image_rows()])
    said = ", ".join(f"{key} {value}" for key, value in record.items())
    return f"{reports.as_table(rows)}\nprotocol: {said}" + (f"\nreport: {request.report}" if request.report else "")
