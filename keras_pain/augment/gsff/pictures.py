"""Decoding pictures, and saying what had to be changed."""

import dataclasses
import io

import numpy as np

from keras_pain.errors import BadFileError

MIN_SIDE = 64
"""Pixels of the shorter side below which a face has too little to go by."""

# What Pillow turns into RGB without loss of what matters here.
_CONVERTED = {
    "L": "grey, the three channels are equal",
    "LA": "grey with transparency, which is dropped",
    "RGBA": "with transparency, which is dropped",
    "P": "in a palette, converted to RGB",
    "CMYK": "in CMYK, converted to RGB without a colour profile",
}


@dataclasses.dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Args:
        pixels: `(H, W, 3)` uint8, RGB, upright.
        notes: What had to be changed, as phrases.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()


def decode(coded: bytes, name: str, min_side: int = MIN_SIDE) -> Picture:
    """Decodes a JPEG or PNG picture.

    Grey and CMYK pictures are converted and the note says so; pictures of
    more than 8 bits a channel are refused.

    Args:
        coded: Content of the file.
        name: What messages call it.
        min_side: Pixels that the shorter side must have.

    Returns:
        The picture.

    Raises:
        BadFileError: It is no picture, cut off, too small, or of another kind.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(coded)) as image:
            mode = image.mode
            if mode != "RGB" and mode not in _CONVERTED:
                raise BadFileError(
                    name,
                    f"has pixels of the kind {mode}",
                    "convert it to RGB with 8 bits a channel",
                    rule="colour",
                )
            pixels = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        cut = "truncated" in str(error) or "premature" in str(error)
        raise BadFileError(
            name,
            "is cut off" if cut else "is no picture that can be decoded",
            "copy it anew or take it out",
            rule="truncated" if cut else "undecodable",
        ) from error
    height, width = pixels.shape[:2]
    if min(height, width) < min_side:
        raise BadFileError(
            name,
            f"is too small ({width}x{height} pixels)",
            f"give faces of at least {min_side} pixels a side",
            rule="too_small",
        )
    return Picture(pixels, (_CONVERTED[mode],) if mode != "RGB" else ())


def encode_png(pixels: np.ndarray) -> bytes:
    """A picture as the bytes of a PNG file.

    Args:
        pixels: `(H, W, 3)` uint8, RGB.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
