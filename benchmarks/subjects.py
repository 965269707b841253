"""Pictures of a wanted size for the gateway's measurements, as files ready to be posted."""

import io
import random
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

BOUNDARY = "----benchmark-7d1f0c2a9b"
CHUNK = 64 * 1024  # of a PNG's data, as encoders write them
QUALITY = 92


@dataclass(frozen=True)
class Subject:
    """A multipart body on the disk that holds one picture of `size` bytes."""

    path: Path
    size: int

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={BOUNDARY}"


def write(folder: Path, megabytes: float, *, kind: str = "jpeg") -> Subject:
    """Write a picture of about this size: noise, so that nothing can be packed or guessed."""
    picture = jpeg(megabytes) if kind == "jpeg" else png(megabytes)
    path = folder / f"{megabytes:g}.{kind}.body"
    path.write_bytes(posted(picture, kind))
    return Subject(path, len(picture))


def posted(picture: bytes, kind: str) -> bytes:
    """Return the form that rembg.js would send, the picture first."""
    name = f'name="image"; filename="photo.{kind}"\r\nContent-Type: image/{kind}'
    fields = "".join(
        f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}'
        for field, value in (("w", "0"), ("h", "0"), ("mask", "false"), ("expand", "true"))
    )
    first = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {name}\r\n\r\n"
    return first.encode() + picture + f"{fields}\r\n--{BOUNDARY}--\r\n".encode()


def jpeg(megabytes: float) -> bytes:
    """Return a photograph's like: noise, turned by EXIF, with a place and a preview in it."""
    small, large = len(noise(400, 300)), len(noise(800, 600))
    bytes_per_pixel = (large - small) / (800 * 600 - 400 * 300)
    width = int((megabytes * 1e6 / bytes_per_pixel * 4 / 3) ** 0.5)
    return noise(width, width * 3 // 4)


def noise(width: int, height: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (52.0, 22.0, 39.0)
    exif.get_ifd(0x8769)[0x927C] = b"maker note " * 2000
    pixels = random.Random(7).randbytes(width * height * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(file, "JPEG", quality=QUALITY, exif=exif)
    return file.getvalue()


def png(megabytes: float) -> bytes:
    """Return an RGB picture whose data cannot be packed, with all its checksums."""
    width = int((megabytes * 1e6 / 3) ** 0.5)
    rows = random.Random(7)
    data = zlib.compress(b"".join(b"\0" + rows.randbytes(width * 3) for _ in range(width)), 0)
    header = struct.pack(">IIBBBBB", width, width, 8, 2, 0, 0, 0)
    pieces = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
    chunks = [(b"IHDR", header), *((b"IDAT", piece) for piece in pieces), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(piece)) + name + piece + struct.pack(">I", zlib.crc32(name + piece))
        for name, piece in chunks
    )


def answer() -> bytes:
    """Return a result as RemBG gives it: a WebP of about 20 KB, larger than a degraded one."""
    size = (800, 600)
    image = Image.effect_noise((size[0] // 8, size[1] // 8), 30).resize(size).convert("RGBA")
    file = io.BytesIO()
    image.save(file, "WEBP", quality=40)
    return file.getvalue()
