"""Configuration of an export."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from visionfw.config import Config, Settled, setting

#: Suffix of a file -> what it holds.
FORMATS = {
    ".safetensors": "weights under the names of the reference implementation, which chaiNNer, ComfyUI and others load",
    ".pth": "the same as a PyTorch state_dict",
}


@dataclass(frozen=True, kw_only=True)
class ExportConfig(Config):
    """Which model is written, and where."""

    run: str | None = setting(None, "run directory of train.py, or 'latest' for the newest under runs/")
    weights: str | None = setting(None, "weight file of another program whose architecture is known: .pth, .safetensors")
    out: Settled[str] = setting(None, "the file to write, ending in " + " or ".join(FORMATS))
    overwrite: bool = setting(False, "write over a file that is there")

    def problems(self) -> Iterable[str]:
        if (self.run is None) == (self.weights is None):
            yield "name what to export: --run=DIR or --weights=FILE"
        if self.out is None:
            yield f"--out: name the file to write, ending in {' or '.join(FORMATS)}"
        elif not self.out.endswith(tuple(FORMATS)):
            yield f"--out={self.out}: must end in {' or '.join(FORMATS)}"
