"""Real-CUGAN against spandrel's, in both directions: weights, arguments and outputs."""

import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel

import visionfw as vf

#: Spandrel pads smaller images to 32 pixels first, and PyTorch mirrors an image once at most.
SIZES = ((33, 45), (46, 35))


@pytest.mark.parametrize(
    ("kind", "theirs", "ours"),
    [
        ("UpCunet2x", {}, {"scale": 2, "pro": False, "fast": False}),
        ("UpCunet3x", {"pro": True}, {"scale": 3, "pro": True}),
        ("UpCunet4x", {}, {"scale": 4, "pro": False}),
        ("UpCunet4x", {"pro": True}, {"scale": 4, "pro": True}),
        ("UpCunet2x", {"in_channels": 1, "out_channels": 1}, {"scale": 2, "color": "y"}),
    ],
)
def test_real_cugan(kind, theirs, ours, tmp_path):
    spandrel()
    from spandrel.architectures import RealCUGAN

    channels = theirs.get("in_channels", 3)
    module = randomized(getattr(RealCUGAN, kind)(**theirs))
    opened = assert_opens(module, tmp_path, "real_cugan", {"filters": 64} | ours, channels, SIZES, forward=lambda x: module(x.clone()))
    assert_writes(opened.model, tmp_path, channels, SIZES)


@pytest.mark.parametrize("size", [(44, 48), (45, 50)])
def test_the_fast_one_works_on_multiples_of_four(size, tmp_path):
    """The authors' code fails at other sizes; spandrel mirrors the image to the next one."""
    library = spandrel()
    from spandrel.architectures.RealCUGAN import UpCunet2x_fast

    module = randomized(UpCunet2x_fast())
    descriptor = library.ModelLoader().load_from_state_dict(module.state_dict())
    forward = descriptor.model if size[0] % 4 == 0 else _padded(descriptor)
    opened = assert_opens(module, tmp_path, "real_cugan", {"scale": 2, "fast": True}, sizes=[size], forward=forward)
    assert_writes(opened.model, tmp_path, sizes=[size])


def _padded(descriptor):
    """Return the network of a descriptor of spandrel's behind its padding, without its clamping."""
    import torch
    from spandrel.__helpers.size_req import pad_tensor

    def forward(x):
        height, width = x.shape[-2:]
        with torch.no_grad():
            return descriptor.model(pad_tensor(x, descriptor.size_requirements)[1])[..., : 2 * height, : 2 * width]

    return forward


@pytest.mark.parametrize(("arguments", "sentence"), [({"scale": 8}, "scale must be 2, 3 or 4, not 8"), ({"scale": 3, "fast": True}, "fast exists at scale 2")])
def test_what_does_not_exist_is_refused(arguments, sentence):
    with pytest.raises((ValueError, vf.VisionfwError), match=sentence):
        vf.definition("real_cugan", **arguments)
