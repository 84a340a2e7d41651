"""LPIPS on weights that the tests make, against its formula written out."""

import numpy as np
import pytest
from torch_files import as_tensors, write_zip
from vgg_reference import layers, random_weights

from visionfw.errors import RequestError
from visionfw.metrics.lpips import Lpips

#: torchvision's VGG16; LPIPS reads the last convolution of every block.
VGG16 = [((0, 2), 64), ((5, 7), 128), ((10, 12, 14), 256), ((17, 19, 21), 512), ((24, 26, 28), 512)]
_SHIFT, _SCALE = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])


def reference_distance(a, b, arrays, linear):
    """Return the distance of two uint8 images by the paper's formula."""
    taps = [numbers[-1] for numbers, _ in VGG16]
    pair = [[after for number, _, after in layers((image / 127.5 - 1 - _SHIFT) / _SCALE, arrays, VGG16) if number in taps] for image in (a, b)]
    distance = 0.0
    for x, y, weights in zip(*pair, linear.values(), strict=True):
        x, y = (features / np.linalg.norm(features, axis=-1, keepdims=True) for features in (x, y))
        distance += (((x - y) ** 2) * weights.ravel()).sum(axis=-1).mean()
    return distance


@pytest.mark.slow
def test_lpips_is_its_formula(tmp_path, photograph):
    arrays, random = random_weights(VGG16, seed=0), np.random.default_rng(1)
    linear = {f"lin{number}.model.1.weight": random.random((1, depth, 1, 1)).astype(np.float32) for number, (_, depth) in enumerate(VGG16)}
    write_zip(tmp_path / "vgg16.pth", as_tensors(arrays | {"classifier.0.weight": np.zeros((4, 8)), "classifier.0.bias": np.zeros(4)}))
    write_zip(tmp_path / "vgg.pth", as_tensors(linear))
    a, b = photograph[:32, :34], photograph[40:72, 60:94]
    lpips = Lpips({"vgg16": str(tmp_path / "vgg16.pth"), "lpips": str(tmp_path / "vgg.pth")})
    assert lpips(a, b) == pytest.approx(reference_distance(a, b, arrays, linear), rel=1e-3)
    assert lpips(a, a) == pytest.approx(0, abs=1e-9)
    write_zip(tmp_path / "wrong.pth", as_tensors(dict(list(linear.items())[:3])))
    with pytest.raises(RequestError, match=r"lpips=.*wrong\.pth: has \[64, 128, 256\] weights, but VGG16's layers have \[64, 128, 256, 512, 512\] channels"):
        Lpips({"vgg16": str(tmp_path / "vgg16.pth"), "lpips": str(tmp_path / "wrong.pth")})
