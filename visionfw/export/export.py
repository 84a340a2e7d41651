"""Write a trained model to a file of another program."""

from __future__ import annotations

from visionfw.backend.start import start_backend
from visionfw.errors import RequestError
from visionfw.export.config import ExportConfig
from visionfw.io.paths import user_path


def export(config: ExportConfig) -> str:
    """Write the model that a configuration names.

    Returns:
        Lines for the user.

    Raises:
        RequestError: no such run or file, or its architecture has no reference implementation; nothing is written.
        VisionfwError: a file is damaged, or cannot be written.
    """
    path = user_path(config.out or "")
    if path.exists() and not config.overwrite:
        raise RequestError(f"--out={config.out}: is there already; give --overwrite, or another name")
    if not path.parent.is_dir():
        raise RequestError(f"--out={config.out}: no folder {path.parent}")
    start_backend()
    from visionfw.interchange.save import save_reference_weights
    from visionfw.runs import opening

    opened = opening.open(config.run if config.run is not None else config.weights or "")
    save_reference_weights(opened.model, path, opened.dictionary)
    origin = opened.dictionary["origin"]
    return "\n".join([*opened.remarks, f"{path}: {origin['model']} under the names of its reference implementation"])
