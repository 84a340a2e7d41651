"""Images side by side: comparisons of whole images, and sheets of patches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from visionfw.io.files import atomic_path, reporting_write_errors
from visionfw.numerics import summed_area_table, window_sums

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_PATCH_SIDE = 96  # pixels, about, to which small patches are enlarged
_NAME_WIDTH, _GAP, _LINE_HEIGHT, _FONT_SIZE = 150, 4, 20, 13  # pixels of a sheet


def draw_comparison(path: Path, panels: Sequence[tuple[str, np.ndarray, float | None]], title: str) -> None:
    """Draw images of one size side by side, each with its name and PSNR below it, and the same detail of each in a second row.

    The detail is where SR improves most on bicubic.

    Args:
        path: PNG file to write.
        panels: (name, (height, width, 3) uint8, PSNR in dB or None for the original): bicubic first, the original last, SR before it.
        title: shown beside the original's name.

    Raises:
        VisionfwError: the file cannot be written.
    """
    height, width = panels[-1][1].shape[:2]
    font_size = max(13, width // 28)
    font = ImageFont.load_default(size=font_size)
    margin, label_height = max(6, width // 80), int(font_size * 1.9)
    top, left, side = find_detail(panels[0][1], panels[-2][1], panels[-1][1], max(height, width))
    sheet = Image.new("RGB", (margin + (width + margin) * len(panels), 2 * margin + height + label_height + width), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (name, image, psnr) in enumerate(panels):
        x = margin + number * (width + margin)
        sheet.paste(Image.fromarray(image), (x, margin))
        draw.rectangle([x + left, margin + top, x + left + side, margin + top + side], outline="yellow", width=max(1, width // 250))
        detail = Image.fromarray(image[top : top + side, left : left + side])
        sheet.paste(detail.resize((width, width), Image.Resampling.NEAREST), (x, margin + height + label_height))
        text = f"{name}: {psnr:.2f} dB" if psnr is not None else f"{name} ({title})"
        draw.text((x + width / 2, margin + height + label_height / 2), text, fill="black", font=font, anchor="mm")
    _save(sheet, path)


def find_detail(bicubic: np.ndarray, sr: np.ndarray, hr: np.ndarray, max_side: int) -> tuple[int, int, int]:
    """Return top, left and side of the square where SR improves most on bicubic, a fifth of the image large.

    Args:
        bicubic, sr, hr: (height, width, 3) uint8.
        max_side: largest side of the square, in pixels.
    """
    reference = hr.astype(np.float64)
    improvement = ((bicubic - reference) ** 2 - (sr - reference) ** 2).sum(axis=2)
    height, width = improvement.shape
    side = min(height, width, max_side, max(16, min(height, width) // 5))
    sums = window_sums(summed_area_table(improvement), side, side)
    top, left = np.unravel_index(np.argmax(sums), sums.shape)
    return int(top), int(left), side


def draw_sheet(path: Path, rows: Sequence[tuple[str, np.ndarray]], captions: Sequence[str], max_columns: int = 16) -> None:
    """Draw patches of one size in rows, with a name to the left of each row and a caption under each column.

    Args:
        path: PNG file to write.
        rows: (name, (n, height, width, 3) uint8).
        captions: (n,) one for each column.
        max_columns: columns that are drawn at most.

    Raises:
        VisionfwError: the file cannot be written.
    """
    columns = min(max_columns, len(captions))
    height, width = rows[0][1].shape[1:3]
    factor = max(1, round(_PATCH_SIDE / height))
    step_x, step_y = factor * width + _GAP, factor * height + _GAP
    font = ImageFont.load_default(size=_FONT_SIZE)
    sheet = Image.new("RGB", (_NAME_WIDTH + columns * step_x, len(rows) * step_y + _LINE_HEIGHT), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (name, patches) in enumerate(rows):
        top = number * step_y
        draw.text((6, top + factor * height / 2), name, fill="black", font=font, anchor="lm")
        for column in range(columns):
            patch = Image.fromarray(patches[column]).resize((factor * width, factor * height), Image.Resampling.NEAREST)
            x, y = _NAME_WIDTH + column * step_x, top
            sheet.paste(patch, (x, y))
            draw.rectangle((x - 1, y - 1, x + patch.width, y + patch.height), outline="#cccccc")  # shows where a white patch ends
    for column, caption in enumerate(captions[:columns]):
        center = _NAME_WIDTH + column * step_x + factor * width / 2
        draw.text((center, sheet.height - _LINE_HEIGHT / 2), caption, fill="black", font=font, anchor="mm")
    _save(sheet, path)


def _save(sheet: Image.Image, path: Path) -> None:
    with reporting_write_errors(path), atomic_path(path) as temporary:
        sheet.save(temporary)
