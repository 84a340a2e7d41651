"""Matplotlib figures without a screen and without changing the settings of the importing program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from visionfw.errors import RequestError
from visionfw.io.files import atomic_path, reporting_write_errors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Text is shown as it is: a '$' in a name does not start a formula.
_SETTINGS = {"text.parse_math": False}


@contextmanager
def new_figure(width: float, height: float, *, layout: Literal["constrained"] | None = "constrained") -> Iterator[Figure]:
    """Yield an empty figure, to be drawn on and saved inside the `with` block.

    Args:
        width, height: in inches.
        layout: Matplotlib's layout engine; None for axes that are placed by hand.

    Raises:
        RequestError: Matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise RequestError("plots need matplotlib: pip install 'visionfw[plots]'") from error
    with matplotlib.rc_context(_SETTINGS):
        yield Figure(figsize=(width, height), layout=layout)


def save_figure(figure: Figure, file: Path | BytesIO, *, dpi: int, kind: str | None = None) -> None:
    """Save a figure on a white ground.

    Args:
        figure: what `new_figure` yielded.
        file: written atomically; or a buffer in memory.
        dpi: dots per inch.
        kind: the format, 'png' or 'svg'; the file's suffix unless given.

    Raises:
        VisionfwError: the file cannot be written.
    """
    if isinstance(file, BytesIO):
        figure.savefig(file, dpi=dpi, facecolor="white", format=kind)
        return
    with reporting_write_errors(file), atomic_path(file) as temporary:
        figure.savefig(temporary, dpi=dpi, facecolor="white", format=kind or file.suffix.removeprefix("."))
