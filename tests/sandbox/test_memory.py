"""What pictures may take of the machine: the peak of a process of its own (VmHWM)."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from tests.sandbox.box import MODEL, Box, encoded, png, scene

SIDE = 9999
ONE_COLOR = {
    "grey-1": png((SIDE, SIDE), 1, 0, b"\0" * 1250),
    "palette-1": png((SIDE, SIDE), 1, 3, b"\0" * 1250, (b"PLTE", b"\x40\x80\xff\0\0\0")),
}


def model() -> Path:
    if not MODEL.is_file():
        pytest.skip("var/models/u2netp.onnx is not there: run python -m dashboard.sandbox.model")
    return MODEL


@pytest.mark.parametrize("fields", [{}, {"format": "png"}, {"format": "jpeg", "angle": "45"}])
@pytest.mark.parametrize("bomb", ONE_COLOR)
def test_u11_a_bomb_of_100_megapixels_takes_at_most_300_mb(tmp_path, bomb, fields):
    box = Box(tmp_path, model())

    answer = box.remove(ONE_COLOR[bomb], **fields)

    assert len(ONE_COLOR[bomb]) < 12_500
    assert answer.status_code == 200, answer.text
    assert box.peak <= 300, f"{box.peak} MB"
    assert box.stop() == 0


@pytest.mark.parametrize(
    ("kind", "fields"), [("JPEG", {}), ("PNG", {}), ("JPEG", {"format": "png", "w": "1600"})]
)
def test_two_pictures_of_12_megapixels_at_once_take_at_most_500_mb(tmp_path, kind, fields):
    box, image = Box(tmp_path, model()), encoded(scene(4032, 3024), kind)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: box.remove(image, **fields), range(2)))

    sizes = [Image.open(io.BytesIO(each.content)).size for each in answers]
    assert sizes == [(1600, 1200) if fields else (4032, 3024)] * 2
    assert box.peak <= 500, f"{box.peak} MB"
    assert box.stop() == 0


def test_a_large_picture_too_many_is_503_with_retry_after_and_costs_nothing(tmp_path):
    box, key = Box(tmp_path, tmp_path / "none", SANDBOX_LARGE_WAIT="0"), "sandbox-crowd"
    image = png((4000, 3000), 8, 2, b"\x40\x80\xff" * 4000)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: box.remove(image, key), range(6)))

    done = [each for each in answers if each.status_code == 200]
    refused = [each for each in answers if each.status_code == 503]
    assert len(done) + len(refused) == 6
    assert done
    assert refused
    assert all(each.headers["Retry-After"] == "1" for each in refused)
    assert len(box.ledger(key)) == len(done)
    assert box.stop() == 0


def test_a_webp_that_memory_is_not_there_for_is_503(box: Box, fresh):
    image = encoded(Image.new("RGB", (SIDE, SIDE)), "WEBP", lossless=True, method=0)

    answer = box.remove(image, fresh)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["error"] == "The sandbox has no memory for a WebP of this size."
    assert box.ledger(fresh) == []
