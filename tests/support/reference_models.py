"""Reference implementations in PyTorch: random weights in them, their state_dicts opened here, ours loaded there."""

import sys
import types

import keras
import numpy as np
import pytest

import visionfw as vf

#: The largest difference of outputs that rounding explains, as a share of the range of the output.
TOLERANCE = 1e-4
#: Odd sizes, neither of them a multiple of a window or a stride.
SIZES = ((17, 23), (30, 13))


def torch():
    """Return PyTorch; the test is skipped without it."""
    return pytest.importorskip("torch", reason="needs PyTorch: pip install -e '.[interop]'")


def spandrel():
    """Return spandrel, which holds reference implementations and loads what others wrote; the test is skipped without it.

    It needs torchvision for two architectures alone that are not tested here. A torchvision of another build than PyTorch's fails
    to be imported, so an empty one stands in. What the references draw for their first weights is the same in every run.
    """
    torch().manual_seed(0)
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
        sys.modules.setdefault(name, types.ModuleType(name))
    functional = sys.modules["torchvision.transforms.functional"]
    for name in ("InterpolationMode", "normalize", "rotate"):
        if not hasattr(functional, name):
            setattr(functional, name, None)
    return pytest.importorskip("spandrel", reason="needs spandrel: make test-all installs it")


def randomized(module, seed=0, constants=(), gain=1.0):
    """Give a PyTorch module random weights and normalization statistics, so that no weight could be mistaken for another; return it.

    Args:
        module: the module.
        seed: of the random numbers.
        constants: ends of keys whose values stay as they are, because the architecture defines them.
        gain: factor on kernels; about 2 for networks without residual connections, in which PyTorch's initial values lose the image.
    """
    library = torch()
    generator = library.Generator().manual_seed(seed)
    learned = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    with library.no_grad():
        for name, values in module.state_dict().items():
            noise = library.randn(values.shape, generator=generator, dtype=library.float32)
            if name not in learned and not name.endswith(("running_mean", "running_var")):  # constants such as masks of windows
                continue
            if name.endswith(tuple(constants)):
                continue
            if name.endswith("running_var"):
                values.copy_(1 + 0.5 * noise.abs())
            elif name.endswith("running_mean") or (values.ndim == 1 and name.endswith("bias")):
                values.copy_(0.1 * noise)
            elif values.ndim == 1:
                values.add_(0.1 * noise)
            else:
                deviation = float(values.std()) if values.numel() > 1 else 0.1
                values.add_(noise * 0.5 * (deviation or 0.4)).mul_(gain)  # zeros in a new network would hide what stands before them
    return module.eval()


def images(size, channels=3, seed=1):
    """Return a batch of one random image, NHWC, in [0, 1]."""
    return np.random.default_rng(seed).random((1, *size, channels), np.float32)


def output_of(module, image):
    """Return a PyTorch module's output for NHWC images, NHWC."""
    library = torch()
    with library.no_grad():
        return module(library.from_numpy(image.transpose(0, 3, 1, 2).copy())).numpy().transpose(0, 2, 3, 1)


def assert_same(ours, theirs):
    """Compare two outputs up to TOLERANCE of the range of the second."""
    assert ours.shape == theirs.shape
    assert np.ptp(theirs) > 0, "the outputs are clipped everywhere, and so tell nothing"
    assert np.abs(ours - theirs).max() <= TOLERANCE * np.ptp(theirs)


def outputs_of(model, image):
    """Return a Keras model's output for a batch of images."""
    return keras.ops.convert_to_numpy(model(image, training=False))


def assert_opens(module, folder, name, arguments, channels=3, sizes=SIZES, forward=None):
    """Save a reference's state_dict, open it, and compare the outputs of both.

    Args:
        module: the reference, with random weights.
        folder: where the file goes.
        name: the architecture that it must be found to be.
        arguments: those that must be found, or a part of them.
        channels: of the images.
        sizes: of the images.
        forward: what the reference's output is compared with; the module itself unless given (spandrel's descriptors pad for some).

    Returns:
        What `vf.open` returned.
    """
    file = folder / f"{name}.pth"
    torch().save(module.state_dict(), file)
    opened = vf.open(file)
    origin = opened.dictionary["origin"]
    assert origin["model"] == name, opened.remarks
    assert {key: origin["arguments"][key] for key in arguments} == arguments
    assert not any("not used" in remark for remark in opened.remarks), opened.remarks
    for size in sizes:
        image = images(size, channels)
        assert_same(outputs_of(opened.model, image), output_of(forward or module, image))
    return opened


def assert_writes(model, folder, channels=3, sizes=SIZES, suffix=".safetensors"):
    """Write a model under its reference's names, let spandrel load the file, and compare the outputs of both.

    Args:
        model: a model built by visionfw.
        folder: where the file goes.
        channels: of the images.
        sizes: of the images.
        suffix: of the file.

    Returns:
        What spandrel's loader returned.
    """
    file = folder / f"written{suffix}"
    vf.save_weights(model, file, names="reference")
    loaded = spandrel().ModelLoader().load_from_file(file)
    for size in sizes:
        image = images(size, channels, seed=2)
        theirs = output_of(loaded, image)  # clamps to [0, 1], as image programs do
        assert_same(np.clip(outputs_of(model, image), 0, 1), theirs)
    return loaded


def assert_writes_into(module, model, folder, channels=3, sizes=SIZES):
    """Write a model under its reference's names, load the file into a PyTorch module, strictly, and compare the outputs of both.

    Args:
        module: a PyTorch module of the same architecture that spandrel does not have; its weights are replaced.
        model: a model built by visionfw.
        folder: where the file goes.
        channels: of the images.
        sizes: of the images.
    """
    file = folder / "written.pth"
    vf.save_weights(model, file, names="reference")
    with torch().no_grad():
        for weight in module.parameters():
            weight.zero_()
    module.load_state_dict(torch().load(file, weights_only=True), strict=True)
    for size in sizes:
        image = images(size, channels, seed=2)
        assert_same(outputs_of(model, image), output_of(module, image))
