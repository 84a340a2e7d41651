"""Networks whose features images are compared by, and the files of their weights as a flag names them. No Keras here."""

from __future__ import annotations

from visionfw.errors import RequestError

#: What `--feature_weights` may name.
NETWORKS = {
    "inception": "InceptionV3 of ImageNet, Keras' file with its top (FID, KID, inception score, precision, recall)",
    "vgg16": "VGG16 of ImageNet as PyTorch has it, vgg16-397923af.pth (LPIPS)",
    "vgg19": "VGG19 of ImageNet, PyTorch's vgg19-dcbb9e9d.pth or Keras' own .h5 file (the loss vgg)",
    "lpips": "LPIPS' linear weights for VGG16, its file vgg.pth",
}


def read_feature_weights(text: str) -> dict[str, str]:
    """Read 'inception=FILE,vgg16=FILE'. Raises RequestError."""
    found = {}
    for part in filter(None, (entry.strip() for entry in text.split(","))):
        name, equals, file = part.partition("=")
        if not equals or name not in NETWORKS or not file:
            raise RequestError(f"--feature_weights: {part!r} is not NETWORK=FILE with NETWORK one of {', '.join(NETWORKS)}")
        found[name] = file
    return found
