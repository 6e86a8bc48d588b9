"""Pictures: what is taken, what is refused, and what is left of an upload."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from accounts.rules.pictures import LARGE, MOST_BYTES, SMALL, BadPicture, make_squares

CANARY = b"canary-7f3a-where-alice-lives"


def picture(kind: str, size: tuple[int, int] = (640, 400), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 80).convert(mode).save(file, kind)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_picture_becomes_two_squares(kind: str) -> None:
    for file, edge in zip(make_squares(picture(kind)), (LARGE, SMALL), strict=True):
        shown = Image.open(io.BytesIO(file))
        assert (shown.format, shown.size) == ("WEBP", (edge, edge))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "CMYK"])
def test_every_kind_of_pixel_is_read(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    file = picture("JPEG", mode=mode) if mode == "CMYK" else picture(kind, mode=mode)
    assert make_squares(file)


def test_nothing_but_the_pixels_is_kept() -> None:
    file = io.BytesIO()
    image = Image.effect_noise((300, 300), 80).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", CANARY.decode())
    for kind, options in (("JPEG", {"exif": exif, "comment": CANARY}), ("PNG", {"pnginfo": notes})):
        file.seek(0)
        file.truncate()
        image.save(file, kind, **options)  # type: ignore[arg-type]
        upload = file.getvalue() + CANARY
        assert CANARY in upload
        assert not any(CANARY in square for square in make_squares(upload))


@pytest.mark.parametrize(
    "upload",
    [
        b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html><script>1</script>", b"%PDF-1.7",
        picture("PNG")[:500], b"GIF89a" + b"\xff" * 40, picture("BMP"), picture("TIFF"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(upload: bytes) -> None:
    with pytest.raises(BadPicture):
        make_squares(upload)


@pytest.mark.parametrize("broken", [b"II*\0", b"MM\0*\0\0", b"II*\0\x08\0\0", b"XX"])
def test_broken_exif_is_refused_where_it_cannot_be_skipped(broken: bytes) -> None:
    plain = picture("PNG")
    after_head = 8 + 25
    upload = plain[:after_head] + chunk(b"eXIf", broken) + plain[after_head:]
    with pytest.raises(BadPicture):
        make_squares(upload)
    file = io.BytesIO()
    Image.effect_noise((300, 300), 80).save(file, "JPEG", exif=b"Exif\0\0" + broken)
    assert make_squares(file.getvalue())


@pytest.mark.parametrize("size", [(8000, 5001), (60_000, 60_000), (2_000_000, 1000)])
def test_a_picture_that_claims_to_be_huge_is_refused_unread(size: tuple[int, int]) -> None:
    with pytest.raises(BadPicture, match="40 million"):
        make_squares(bomb(*size))


def test_a_file_over_the_limit_is_refused() -> None:
    with pytest.raises(BadPicture, match="5 MB"):
        make_squares(b"\x00" * (MOST_BYTES + 1))
