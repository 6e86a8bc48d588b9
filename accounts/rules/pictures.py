"""What an uploaded picture may be, and how it is made harmless."""

from __future__ import annotations

import io
import struct
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 40_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""What is decoded. SVG is no picture here but a program."""
LARGE, SMALL = 256, 64
"""Edge of the square in pixels."""
# What a decoder makes of bytes that are not what they claim; broken EXIF is read last.
_UNREADABLE = (
    UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError,
    LookupError, TypeError, struct.error,
)  # fmt: skip


class BadPicture(ValueError):
    """The upload is refused; the message is for the person."""


def make_squares(upload: bytes) -> tuple[bytes, bytes]:
    """Return the picture as two square WebP files, large and small, with nothing of the upload
    in them but its pixels: no metadata, no comment, no second image behind the first."""
    if len(upload) > MOST_BYTES:
        raise BadPicture("The picture is larger than 5 MB.")
    picture = _decode(upload)
    return _encode(picture, LARGE), _encode(picture, SMALL)


def _decode(upload: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # A picture that claims to be huge is refused by its size below, not by a warning,
            # and one whose EXIF is cut short is nothing to warn of.
            warnings.simplefilter("ignore")
            opened = Image.open(io.BytesIO(upload), formats=FORMATS)
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise BadPicture("The picture has more than 40 million pixels.")
            # JPEG decodes straight to about the size that is needed.
            opened.draft("RGB", (LARGE * 2, LARGE * 2))
            opened.load()
            turned = ImageOps.exif_transpose(opened)
            return turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    except Image.DecompressionBombError as error:
        raise BadPicture("The picture has more than 40 million pixels.") from error
    except _UNREADABLE as error:
        if isinstance(error, BadPicture):
            raise
        raise BadPicture("This is no JPEG, PNG, WebP or GIF picture.") from error


def _encode(picture: Image.Image, edge: int) -> bytes:
    square = ImageOps.fit(picture, (edge, edge), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    # A fresh image carries no metadata along; WebP writes only what is named here.
    clean = Image.new(square.mode, square.size)
    clean.paste(square)
    clean.save(file, "WEBP", quality=85, method=4)
    return file.getvalue()
