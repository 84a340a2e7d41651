"""Training data: image sets by name, images decoded once, patches by number, augmentation, and batches for the device."""

from __future__ import annotations

from typing import Any

__all__ = ["open"]


def __getattr__(name: str) -> Any:
    """Load `vf.data.open` when it is first used: names of augmentations and sets need no images."""
    if name != "open":
        raise AttributeError(f"module 'visionfw.data' has no attribute {name!r}")
    from visionfw.data.patches import open_patches

    return open_patches
