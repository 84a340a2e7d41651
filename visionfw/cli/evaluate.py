"""`evaluate.py`: measure a model on image sets beside bicubic, by the field's protocol; or enlarge images with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from visionfw import config
from visionfw.backend.start import start_backend
from visionfw.cli.flags import Flags
from visionfw.cli.listing import listing
from visionfw.diffusion.noise_schedule import TARGETS
from visionfw.graph.language.loader import parse_arguments

if TYPE_CHECKING:
    from visionfw.data.datasets import ImageSet
    from visionfw.evaluation.benchmark import Keep
    from visionfw.evaluation.loaded_model import LoadedModel
    from visionfw.evaluation.metric_suite import MetricSuite
    from visionfw.evaluation.protocol import Protocol

#: Columns of reports that the line below the table says for all rows.
_SAID_BELOW = ("channel", "crop", "rounding", "resize", "model scale", "precision", "self-ensemble", "LR")
#: What a diffusion model's table must say.
_ONE_OF_MANY = "a diffusion model draws one of the images that fit; PSNR and SSIM reward their mean, so compare consistency, and look"


def define(command: str) -> Flags:
    """Return evaluate's flags."""
    found = Flags(
        command,
        "measure a model on image sets beside bicubic, PSNR and SSIM of Y by the field's protocol; or enlarge any images with it.",
        [
            f"{command} --run=runs/edsr_small_x4-1",
            f"{command} --run=latest --test_data=Set5,Set14 --data_root=/data --report=x.html,x.json",
            f"{command} --model=edsr --weights=edsr.weights.h5 --scale=4 --test_data=Set5,Set14 --data_root=/data",
            f"{command} --run=latest --images=holiday --out=holiday_x4 --self_ensemble",
        ],
    )
    found.text("run", None, "run directory of train.py, or 'latest': under runs/, the run that was started last among those with weights")
    found.text("model", None, "name in model_defs/, or a .py or .json file, with --weights")
    found.text("model_args", "", "arguments of the model's function: blocks=8,filters=32")
    found.text("weights", None, "weights for --model: .weights.h5, .keras, PyTorch's .pth or .safetensors, MATLAB's .mat, .h5, .npz")
    found.text("weight_names", None, "JSON file, {our layer: prefix of their keys}, where the order of another program's weights is not the model's")
    found.text("interpolate", None, "RUN:SHARE, another run of the same model: weights that lie between the two, 0.5 in the middle")
    found.number("scale", None, "SR size / LR size; the run's own unless given")
    found.text("test_data", "embedded/test", "image sets to test on: names or folders, joined by commas")
    found.text("data_root", None, "folder that data names are looked up in; $VISIONFW_DATA unless given")
    found.text(
        "degradation", None, "how LR images are made, as for train.py; the run's own unless given, else bicubic; distorted: blurred first; novel: half as large"
    )
    found.number("degradation_seed", None, "of what is random in the degradation; the run's own unless given, else 0")
    found.text("channel", "y", "what is compared: " + ", ".join(config.CHANNELS))
    found.number("crop", None, "pixels left out on each side; the scale unless given")
    found.text("metrics", "psnr,ssim", ", ".join(config.METRICS))
    found.text("feature_weights", "", "files of the networks that lpips, fid, .. compare by: inception=FILE,vgg16=FILE,lpips=FILE")
    found.switch("allow_download", "let Keras fetch InceptionV3's weights where no file is given")
    found.text("images", None, "files and folders to enlarge, joined by commas; no references are needed")
    found.text("out", None, "folder for the enlarged images, of --images or of the test sets")
    found.switch("overwrite", "make anew what is in --out")
    found.number("tile", None, "side of a tile in LR pixels, 0 for whole images; as large as the memory allows unless given, a diffusion model's 32")
    found.switch("self_ensemble", "take the mean over eight turned and mirrored images")
    found.text("sampling", "ddim", "how a diffusion model takes noise off: " + ", ".join(config.SAMPLING))
    found.number("sampling_steps", 50, "its looks at each image")
    found.number("samples", 1, "images drawn of each LR image, whose figures' mean and spread are told")
    found.number("seed", 0, "of their noise")
    found.text("noise_schedule", None, "how a diffusion model was trained that comes with --weights; as train.py does unless given")
    found.text("noise_target", None, "the same: " + ", ".join(TARGETS))
    found.text("report", None, "files to write the table and every image's figures to, joined by commas: " + ", ".join(config.REPORTS))
    found.text("precision", None, ", ".join(config.PRECISIONS) + "; float32 unless given, for --images auto")
    found.listing("list", "what can be named: models, datasets, metrics, ...")
    return found


def run(command: str, arguments: Sequence[str]) -> None:
    """Run evaluate.py with a command line."""
    values = define(command).parse(arguments)
    list_kind = values.pop("list")
    if list_kind is not None:
        print(listing(list_kind, values["data_root"]))
        return
    values["model_args"] = tuple(parse_arguments(values["model_args"]).items())
    values["precision"] = values["precision"] or ("float32" if values["images"] is None else "auto")
    request = config.EvaluateRequest(**values)
    print(_measure(request) if request.images is None else _enlarge(request))


def _enlarge(request: config.EvaluateRequest) -> str:
    """Enlarge images; return how many."""
    from visionfw.inference.image_files import find_jobs, upscale_files

    jobs = find_jobs(request.images, request.out)
    start_backend()
    from visionfw.evaluation.loaded_model import load_for_evaluation, upscaler_for
    from visionfw.io.progress import ProgressReporter, StepTimer

    subject = load_for_evaluation(request)
    for remark in subject.remarks:
        print(remark)
    wanted = sum(request.overwrite or not job.target.exists() for job in jobs)
    looks = StepTimer(subject.looks(request), wanted, ProgressReporter("denoising"))
    tell = _untold if subject.refining else ProgressReporter("upscaling images")
    said = f"{upscale_files(upscaler_for(subject, request, 0, looks), jobs, request.overwrite, print, tell)}: {request.out}"
    return "\n".join([said, *([looks.speed_text()] if looks.done else [])])


def _untold(done: int, of: int) -> None:
    """Say nothing of how many images are done, where looks at them are told."""


def _measure(request: config.EvaluateRequest) -> str:
    """Open the model, score it, write the reports; return the table."""
    start_backend()
    from visionfw.data.datasets import find_sets
    from visionfw.data.datasets.standard import count_mismatch
    from visionfw.evaluation.loaded_model import load_for_evaluation
    from visionfw.evaluation.metric_suite import MetricSuite
    from visionfw.evaluation.protocol import Protocol
    from visionfw.evaluation.results import Results
    from visionfw.metrics.feature_weights import read_feature_weights
    from visionfw.reports.tables import as_table

    find_sets(request.test_data, request.data_root, request.scale or 1)  # a wrong name is told before a model is built
    measures = MetricSuite(request.measures, read_feature_weights(request.feature_weights), request.allow_download)
    subject = load_for_evaluation(request)
    if subject.refining is not None and "consistency" not in measures.names:
        measures.names.append("consistency")
    sets = find_sets(request.test_data, request.data_root, subject.degradation.scale)
    protocol = Protocol(subject.color, subject.scale, subject.degradation, request.channel, request.crop)
    given = {} if protocol.is_float else {images.name: str(images.lr_files(protocol.how)[0].parent) for images in sets if images.lr_files(protocol.how)}
    for line in (*subject.remarks, *(line for images in sets for line in count_mismatch(images))):
        print(line)
    results = Results(request, subject, protocol, given)
    scores, remarks = _draw(request, subject, sets, protocol, measures, results.keep)
    rows = results.write(scores)
    shown = [{key: value for key, value in row.items() if key not in _SAID_BELOW} for row in rows]
    lines = [as_table(shown), *remarks, "protocol: " + ", ".join(f"{key} {value}" for key, value in results.record.items())]
    return "\n".join([*lines, *(f"report: {Path(file)}" for file in request.reports), *([f"images: {request.out}"] if request.out else [])])


def _draw(request: config.EvaluateRequest, subject: LoadedModel, sets: Sequence[ImageSet], protocol: Protocol, measures: MetricSuite, keep: Keep):
    """Return every set's scores, the mean over samples, and what is to be said of how a diffusion model's images were made."""
    from visionfw.evaluation.benchmark import averaged, benchmark
    from visionfw.evaluation.loaded_model import upscaler_for
    from visionfw.io.progress import ProgressReporter, StepTimer

    looks = StepTimer(subject.looks(request), request.samples * sum(len(images.hr) for images in sets), ProgressReporter("denoising"))
    tell = _untold if subject.refining else ProgressReporter("measuring images")
    drawn = []
    for sample in range(request.samples):
        upscaler = upscaler_for(subject, request, sample, looks)
        drawn.append(benchmark(upscaler, sets, protocol, tell, measures, None if sample else keep))
    return averaged(drawn) if request.samples > 1 else drawn[0], [_ONE_OF_MANY, looks.speed_text()] if looks.done else []
