"""Training data: sets of images by name, images decoded once, patches by number, augmentation, and the way to the device."""

from visionfw.data.patches import open_patches as open  # noqa: A004 - `vf.data.open` is the public name

__all__ = ["open"]
