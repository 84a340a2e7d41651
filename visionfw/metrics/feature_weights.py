"""Finds the weight files of feature networks. No Keras here."""

from __future__ import annotations

from collections.abc import Mapping

from visionfw.errors import RequestError
from visionfw.io.paths import user_path
from visionfw.metrics import FEATURE_NETWORKS


def find_weights(network: str, needed_by: str, files: Mapping[str, str], allow_download: bool = False) -> str | None:
    """Return the file of a network's weights; None where Keras is to download them.

    Args:
        network: a name from FEATURE_NETWORKS.
        needed_by: what needs them, as the user wrote it, for messages: "--metrics=fid".
        files: weight files by network, as `parse_feature_weights` returns them.
        allow_download: whether Keras may download weights that no file is named for.

    Raises:
        RequestError: there is no such file, or none is named and it may not be downloaded.
    """
    if network in files:
        path = user_path(files[network])
        if not path.is_file():
            raise RequestError(f"--feature_weights: {network}: no file {path}")
        return str(path)
    entry = FEATURE_NETWORKS.get(network)
    if allow_download and entry.is_downloadable:
        return None
    alternative = " or --allow_download" if entry.is_downloadable else ""
    raise RequestError(f"{needed_by} needs the weights of {entry.help}: give --feature_weights={network}=FILE{alternative}")
