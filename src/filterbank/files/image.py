"""Images: pixels by Pillow, as light from 0 to 1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from filterbank.files.checks import bad

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["image_header", "read_image"]

SIXTEEN_BITS = ("PNG", "PPM")
"""Formats without longer whole numbers, whose 16 bits come as 32 from some versions of Pillow."""


def read_image(path: Path, colour: str) -> np.ndarray:
    """Return the pixels `(channel, height, width)`, in 0..1 where they have 8 or 16 bits."""
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        _check_one_frame(path, opened)
        image: Image.Image = ImageOps.exif_transpose(opened)
        mode = image.mode
        if mode == "F":
            pixels = np.asarray(image)[np.newaxis]
        elif mode.startswith("I;16") or (mode == "I" and opened.format in SIXTEEN_BITS):
            pixels = (np.asarray(image).astype(np.float32) / np.float32(65535))[np.newaxis]
        elif mode == "I":
            pixels = np.asarray(image).astype(np.float64)[np.newaxis]
        else:
            pixels = _eight_bits(image)
    if colour == "rgb":
        return np.repeat(pixels, 3, axis=0) if len(pixels) == 1 else np.ascontiguousarray(pixels)
    if len(pixels) == 1:
        return pixels
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.tensordot(weights, pixels, axes=1)[np.newaxis]


def image_header(path: Path, colour: str) -> tuple[tuple[int, int], int]:
    """Return height and width as `read` returns them, and the channels."""
    from PIL import ExifTags, Image

    with Image.open(path) as image:
        _check_one_frame(path, image)
        whole = (image.format == "PNG" and _png_ends(path)) or (image.format in ("JPEG", "MPO") and _jpeg_ends(path))
        if not whole:
            image.load()
        width, height = image.size
        if image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8):
            width, height = height, width
    return (height, width), 3 if colour == "rgb" else 1


def _eight_bits(image: Image) -> np.ndarray:
    """One grey channel or three of colour, in 0..1."""
    bands = image.getbands()
    if image.mode == "P" or "A" in bands or "a" in bands or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA")).astype(np.float32) / np.float32(255)
        alpha = rgba[..., 3:]
        pixels = rgba[..., :3] * alpha + (1 - alpha)
        if bands[0] in ("L", "1") and len(bands) <= 2:
            pixels = pixels[..., :1]
    elif image.mode in ("1", "L"):
        pixels = np.asarray(image.convert("L")).astype(np.float32)[..., np.newaxis] / np.float32(255)
    else:
        pixels = np.asarray(image.convert("RGB")).astype(np.float32) / np.float32(255)
    return np.moveaxis(pixels, -1, 0)


def _check_one_frame(path: Path, image: Image) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # the second image in a photo of a phone is a preview
        raise bad(path, f"holds {frames} frames, and a signal is one image", "Save each frame in a file of its own.")


def _png_ends(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 12))
        return file.read(12) == b"\0\0\0\0IEND\xaeB`\x82"


def _jpeg_ends(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2))
        return file.read(2) == b"\xff\xd9"
