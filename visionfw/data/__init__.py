"""Training data: sets of images by name, images decoded once, patches by number, augmentation, and the way to the device."""

from visionfw.data.patches import open_patches as open

__all__ = ["open"]
