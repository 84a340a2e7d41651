"""Published weights come to their published figures, Set5, by the field's protocol; where the files are at hand."""

import json

import numpy as np
import pytest

import visionfw as vf
from visionfw.data.datasets import find_sets
from visionfw.evaluation.benchmark import benchmark
from visionfw.evaluation.protocol import Protocol
from visionfw.inference.upscaler import Upscaler

#: model, file, scale -> PSNR.
FIGURES = [
    ("srcnn", "SRCNN_INx2.mat", 2, 36.656),
    ("srcnn", "SRCNN_INx3.mat", 3, 32.749),
    ("srcnn", "SRCNN_INx4.mat", 4, 30.484),
    ("vdsr", "VDSR_Official.mat", 2, 37.527),
    ("vdsr", "VDSR_Official.mat", 3, 33.658),
    ("vdsr", "VDSR_Official.mat", 4, 31.343),
    ("imdn", "IMDN_x2.pth", 2, 37.996),
    ("imdn", "IMDN_x3.pth", 3, 34.360),
    ("imdn", "IMDN_x4.pth", 4, 32.210),
]


@pytest.fixture(scope="module")
def weights(root):
    folder = root.parent / "shared" / "weights"
    if not folder.is_dir():
        pytest.skip(f"needs published weights in {folder}")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("name", "file", "scale", "expected"), FIGURES)
def test_published_weights_come_to_their_figures(benchmark_data, weights, name, file, scale, expected):
    d = vf.definition(name, scale=scale)
    model = vf.build(d)
    vf.load_weights(model, weights / file)
    (score,) = benchmark(Upscaler(model), find_sets("Set5", str(benchmark_data), scale), Protocol(d.get("color", "rgb"), scale))
    assert score.mean("psnr") == pytest.approx(expected, abs=0.01)


def test_the_map_of_names_in_the_docs_says_the_same_as_the_order(root, weights):
    text = (root / "docs" / "weights.md").read_text(encoding="utf-8")
    names = json.loads(text.partition("```json\n")[2].partition("```")[0])
    by_order, by_names = (vf.build(vf.definition("imdn")) for _ in range(2))
    vf.load_weights(by_order, weights / "IMDN_x4.pth")
    assert vf.load_weights(by_names, weights / "IMDN_x4.pth", names) == []
    for ours, theirs in zip(by_order.get_weights(), by_names.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_imdns_files_open_by_their_names_as_they_load_by_order(weights, scale):
    file = weights / f"IMDN_x{scale}.pth"
    opened = vf.open(file)
    assert opened.dictionary["origin"] == {"model": "imdn", "arguments": {"scale": scale, "filters": 64, "blocks": 6, "color": "rgb"}}
    by_order = vf.build(vf.definition("imdn", scale=scale))
    vf.load_weights(by_order, file)
    for ours, theirs in zip(opened.model.get_weights(), by_order.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
