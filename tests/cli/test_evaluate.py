"""evaluate.py from the command line on: tables, reports of every kind, other degradations, any image."""

import csv
import json

import numpy as np
import pytest

import visionfw as vf
from visionfw.cli.evaluate import run
from visionfw.errors import RequestError, VisionfwError
from visionfw.imaging.files import read_image, write_image
from visionfw.inference.upscaler import Upscaler
from visionfw.metrics import METRICS
from visionfw.runs.checkpoints import save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "x.weights.h5"
    save_weights(vf.build(vf.definition("edsr_small", blocks=1, filters=4)), path)
    return path


@pytest.fixture
def flags(weights, image_folder):
    return ["--model=edsr_small", "--model_args=blocks=1,filters=4", f"--weights={weights}", f"--test_data={image_folder}"]


def test_every_row_carries_its_protocol(flags, tmp_path, capsys):
    names = [tmp_path / f"x.{suffix}" for suffix in ("json", "csv", "md", "html")]
    run("evaluate.py", [*flags, f"--report={','.join(map(str, names))}", "--metrics=psnr,ssim,mse,mae,entropy,lr_psnr"])
    report = json.loads(names[0].read_text())
    (row,) = report["rows"]
    assert {key: row[key] for key in ("model", "scale", "images", "channel", "crop", "rounding", "resize", "weights", "run")} == {
        "model": "EDSR-small",
        "scale": 4,
        "images": 3,
        "channel": "Y",
        "crop": 4,
        "rounding": "uint8 before comparing",
        "resize": "MATLAB bicubic, uint8",
        "weights": "x.weights.h5",
        "run": "",
    }
    assert row["gain"] == pytest.approx(row["psnr"] - row["bicubic_psnr"])
    assert row["gain"] == pytest.approx(0, abs=0.02)  # an untrained model is bicubic
    assert row["psnr"] == pytest.approx(np.mean([image["psnr"] for image in report["per_image"]]))
    assert 35 < row["lr_psnr"] < 80
    for image in report["per_image"]:
        assert image["psnr"] == pytest.approx(10 * np.log10(255**2 / image["mse"]))
    with names[1].open() as lines:
        (from_csv,) = csv.DictReader(lines)
    assert float(from_csv["psnr"]) == pytest.approx(row["psnr"])
    assert "| EDSR-small |" in names[2].read_text()
    page = names[3].read_text()
    assert page.count('<div class="slider">') == 3
    assert "EDSR-small x4" in page and "<svg" in page
    said = capsys.readouterr().out
    assert "| model      | dataset" in said
    assert "protocol: channel Y, model RGB, crop 4" in said
    assert f"report: {names[3]}" in said


def test_a_registered_metric_is_named_with_its_options_like_any_other(flags, tmp_path, capsys):
    def worst_error(sr, hr, *, power=1.0):
        return float(np.abs(sr - hr).max() ** power)

    vf.register_metric(worst_error, title="max error", digits=1)
    try:
        run("evaluate.py", [*flags, "--metrics=psnr,worst_error:power=2,mse", f"--report={tmp_path / 'x.json'}"])
    finally:
        with METRICS.temporary(METRICS.get("worst_error")):  # removes it at its end
            pass
    report = json.loads((tmp_path / "x.json").read_text())
    assert all(image["worst_error"] > image["mse"] for image in report["per_image"])
    assert report["rows"][0]["worst_error"] == pytest.approx(np.mean([image["worst_error"] for image in report["per_image"]]))
    assert "max error" in capsys.readouterr().out


def test_an_image_that_does_not_fit_into_memory_is_one_line_and_the_report_says_so(flags, tmp_path, capsys, monkeypatch):
    upscale = Upscaler.__call__

    def exhaust(self, lr):
        if lr.shape[0] > 32:
            raise MemoryError
        return upscale(self, lr)

    monkeypatch.setattr(Upscaler, "__call__", exhaust)
    with pytest.raises(VisionfwError, match=r"images: 2\.png is not measured: out of memory$"):
        run("evaluate.py", [*flags, f"--report={tmp_path / 'x.json'}"])
    report = json.loads((tmp_path / "x.json").read_text())
    assert (report["rows"][0]["images"], report["rows"][0]["failed"]) == (2, 1)
    assert "2.png is not measured: out of memory" in report["protocol"]["not measured"]
    assert "| images | failed |" in capsys.readouterr().out


def test_all_channels_and_another_crop(flags, image_folder, capsys, tmp_path):
    run("evaluate.py", [*flags, "--channel=rgb", "--crop=0", f"--report={tmp_path / 'x.json'}", f"--out={tmp_path / 'sr'}"])
    report = json.loads((tmp_path / "x.json").read_text())
    assert (report["rows"][0]["channel"], report["rows"][0]["crop"]) == ("RGB", 0)
    for row in report["per_image"]:
        (made,) = (read_image(path) for path in (tmp_path / "sr").rglob(row["image"] + ".png"))
        hr = read_image(image_folder / (row["image"] + ".png"))
        hr = hr[: made.shape[0], : made.shape[1]]
        assert row["psnr"] == pytest.approx(vf.psnr(made, hr))
        assert row["ssim"] == pytest.approx(vf.ssim(made, hr))


def test_the_tests_of_a_generative_model(flags, tmp_path):
    figures = {}
    for name in ("original", "novel", "distorted"):
        run("evaluate.py", [*flags, f"--degradation={name}", f"--report={tmp_path / 'x.json'}"])
        figures[name] = json.loads((tmp_path / "x.json").read_text())
    assert [figures[name]["rows"][0]["scale"] for name in figures] == [4, 8, 4]
    assert figures["novel"]["protocol"]["LR"] == "1/8 of HR; bicubic resizes the output of the x4 model to HR"
    psnr = {name: report["rows"][0]["psnr"] for name, report in figures.items()}
    assert psnr["original"] > psnr["distorted"]
    assert psnr["original"] > psnr["novel"]


def test_images_without_references(flags, tmp_path, image_folder, capsys):
    run("evaluate.py", [*flags[:3], f"--images={image_folder}", f"--out={tmp_path / 'large'}", "--tile=16", "--self_ensemble"])
    assert f"3 images upscaled: {tmp_path / 'large'}" in capsys.readouterr().out
    small = read_image(image_folder / "0.png")
    assert read_image(tmp_path / "large" / "0.png").shape == (4 * small.shape[0], 4 * small.shape[1], 3)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--images=x"], "--images: name the folder for the upscaled images with --out=DIR"),
        (["--images=nowhere", "--out=x"], "--images: there is no nowhere"),
        (["--metrics=psrn"], "--metrics: no metric 'psrn'; did you mean 'psnr'?"),
        (["--metrics=fid"], "--metrics=fid needs the weights of InceptionV3 .*: give --feature_weights=inception=FILE or --allow_download"),
        (["--metrics=lpips", "--feature_weights=vgg16=nowhere.pth"], "--feature_weights: vgg16: no file nowhere.pth"),
        (["--feature_weights=vgg=x"], "--feature_weights: no feature network 'vgg'; did you mean 'vgg16'?"),
        (["--channel=cb"], "--channel: no channel 'cb'"),
        (["--crop=-1"], "--crop must be a whole number of at least 0, not -1"),
        (["--weight_names=nowhere.json"], "--weight_names: nowhere.json cannot be read"),
        (["--report=x.html,x.pdf"], r"--report: a report ends in \.html, \.md, \.csv, \.json, not 'x\.pdf'"),
        (["--overwrite"], "--overwrite belongs to --images"),
    ],
)
def test_a_wrong_request_is_one_line(flags, more, sentence):
    with pytest.raises(RequestError, match=sentence):
        run("evaluate.py", [*flags, *more])


def test_a_luma_model_cannot_be_compared_in_color(tmp_path, image_folder):
    save_weights(vf.build(vf.definition("srcnn", kernels=(3, 1, 3), filters=(4, 4))), tmp_path / "x.weights.h5")
    flags = ["--model=srcnn", "--model_args=kernels=[3,1,3],filters=[4,4]", f"--weights={tmp_path / 'x.weights.h5'}", f"--test_data={image_folder}"]
    with pytest.raises(RequestError, match="--channel=rgb: the model computes luma only"):
        run("evaluate.py", [*flags, "--channel=rgb"])


def test_an_image_that_is_too_small_is_named(flags, image_folder, tmp_path):
    write_image(image_folder / "tiny.png", np.zeros((12, 12, 3), np.uint8))
    with pytest.raises(RequestError, match=r"tiny\.png: SSIM needs 11 x 11 pixels, and 4 x 4 are left"):
        run("evaluate.py", flags)
    with pytest.raises(RequestError, match=r"0\.png: nothing is left of \(.*\) after cropping 1000 pixels"):
        run("evaluate.py", [*flags, "--crop=1000"])


def test_images_of_one_name_are_all_kept(flags, image_folder, tmp_path):
    write_image(image_folder / "0.bmp", read_image(image_folder / "1.png"))
    run("evaluate.py", [*flags, f"--out={tmp_path / 'sr'}"])
    assert len(list((tmp_path / "sr").rglob("*.png"))) == 4
