"""Small pictures to read, made by Pillow or byte by byte; nothing here is ours to test."""

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

GPS = "52.5163N-CANARY"
KINDS = ("jpeg", "png", "webp", "bmp")


def pixels(mode="RGB", size=(40, 30)):
    """A picture with noise in it, so that its compressed data is not trivial."""
    noise = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    picture = Image.fromarray(noise)
    return picture.convert("RGB").convert(mode) if mode == "P" else picture.convert(mode)


def saved(kind, mode="RGB", size=(40, 30), **options):
    """The bytes of such a picture in a format."""
    return encoded(pixels(mode, size), kind.upper(), **options)


def encoded(picture, kind, **options):
    """The bytes of a picture in a format."""
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def exif_of(orientation=6):
    """EXIF as a phone writes it: orientation, camera, place."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "CANARY Camera Works"
    exif.get_ifd(0x8825)[29] = GPS
    return exif.tobytes()


@cache
def icc():
    """A real colour profile; its header holds the second that it was made in."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@cache
def swapped_icc():
    """A colour profile in which red is green and green is red."""
    profile = bytearray(icc())
    places = {}
    for at in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        places[bytes(profile[at : at + 4])] = slice(at + 4, at + 12)
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    profile[red], profile[green] = profile[green], profile[red]
    return bytes(profile)


def segment(marker, payload):
    """A JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def with_segments(jpeg, *segments):
    """A JPEG with more segments behind its first one."""
    end = 4 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:end] + b"".join(segments) + jpeg[end:]


def chunk(kind, data):
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(png, *chunks):
    """A PNG with more chunks behind IHDR."""
    return png[:33] + b"".join(chunks) + png[33:]


def header_png(width, height, *, depth=8, colour=2):
    """A complete little PNG that claims these sides."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def png_text(**texts):
    """What Pillow needs to write text chunks."""
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    return info


def riff(*chunks):
    """A WebP file of these (kind, data) chunks."""
    body = b"".join(
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def animation(kind, frames=3):
    """A short film."""
    target = io.BytesIO()
    first, *rest = [pixels(size=(16, 16)).rotate(90 * n) for n in range(frames)]
    first.save(target, kind.upper(), save_all=True, append_images=rest, duration=50)
    return target.getvalue()
