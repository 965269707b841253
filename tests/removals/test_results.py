"""A picture out: what comes back is what was asked for, in pixels."""

import io

import pytest
from PIL import Image

from dashboard.removals import files, thumbnails
from tests.rembg import samples
from tests.removals.conftest import desk_of, subject

CORNERS = [(2, 2), (-3, 2), (2, -3), (-3, -3)]


def at(picture: Image.Image, place: tuple[float, float]):
    """The pixel at a place given in parts of the sides."""
    return picture.getpixel((round(place[0] * picture.width), round(place[1] * picture.height)))


def corners(picture: Image.Image) -> list:
    return [picture.getpixel((x % picture.width, y % picture.height)) for x, y in CORNERS]


def test_the_subject_comes_back_opaque_and_the_corners_transparent(desk, cutting_sandbox):
    removal = desk.remove(format="png")

    result = desk.result(removal)
    assert result.format == "PNG"
    assert result.size == (480, 360)
    assert at(result, (0.5, 0.6))[3] > 250
    assert [alpha for *_, alpha in corners(result)] == [0, 0, 0, 0]


def test_a_removal_is_a_row_with_its_cost_and_its_maker(desk, sandbox, mel, account, key):
    removal = desk.remove(format="png")

    assert (removal.state, removal.charged) == ("done", "yes")
    assert (removal.user, removal.member, removal.account) == (mel, "Mel", account)
    assert (removal.result_width, removal.result_height) == (480, 360)
    assert removal.result_type == "image/png"
    assert removal.finished_at
    assert len(sandbox.ledger("sandbox-premium")) == 1


@pytest.mark.parametrize("name", ["webp", "png", "jpeg", "bmp"])
def test_each_format_comes_back_as_asked(desk, sandbox, name):
    removal = desk.remove(format=name)

    assert desk.result(removal).format == name.upper()


def test_a_background_is_painted_where_it_was_transparent(desk, sandbox):
    result = desk.result(desk.remove(format="png", bg_color="#ff0000"))

    assert [pixel[:3] for pixel in corners(result)] == [(255, 0, 0)] * 4


def test_a_mask_is_white_on_black(desk, sandbox):
    mask = desk.result(desk.remove(format="png", mask="true")).convert("L")

    assert at(mask, (0.5, 0.6)) > 250
    assert corners(mask) == [0, 0, 0, 0]


def test_a_width_keeps_the_proportions(desk, sandbox):
    assert desk.result(desk.remove(format="png", w="240")).size == (240, 180)


def test_an_exact_size_may_distort(desk, sandbox):
    result = desk.result(desk.remove(format="png", w="100", h="300", exact_resize="true"))

    assert result.size == (100, 300)


def test_a_turned_picture_grows_unless_it_may_not(desk, sandbox):
    grown = desk.result(desk.remove(format="png", angle="90"))
    cropped = desk.result(desk.remove(format="png", angle="45", expand="false"))

    assert grown.size == (360, 480)
    assert cropped.size == (480, 360)


def test_u6_a_png_named_jpg_is_taken_for_what_it_is(desk, sandbox):
    removal = desk.remove(subject("PNG"), "photo.jpg", format="png")

    assert (removal.state, removal.picture_type) == ("done", "image/png")


def test_u18_a_picture_from_a_phone_is_shown_upright_on_both_sides(desk, sandbox):
    exif = Image.Exif()
    exif[0x0112] = 6
    removal = desk.remove(subject("JPEG", exif=exif.tobytes()), "phone.jpg", format="png")

    assert (removal.width, removal.height, removal.orientation) == (480, 360, 6)
    assert (removal.shown_width, removal.shown_height) == (360, 480)
    assert desk.result(removal).size == (360, 480)


def test_f12_a_small_answer_of_an_empty_account_is_told_as_such(desk, sandbox, key, acme):
    key.seal("sandbox-fault-degraded")
    key.save()

    removal = desk.remove(subject(size=(1200, 900)), format="png")

    assert (removal.state, removal.degraded) == ("done", True)
    assert desk.status(removal)["degraded"] is True
    page = desk.browser.get(f"/teams/acme/removals/{removal.pk}/").content.decode()
    assert "out of credits" in page


def preview_of(removal, content):
    """The preview that is made of such a result."""
    with files.writing(removal.result) as target:
        target.write(content)
    thumbnails.make(removal)
    removal.refresh_from_db()
    with files.opened(removal.thumbnail) as kept:
        return Image.open(io.BytesIO(kept.read())).convert("RGBA")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_u43_a_preview_has_the_colours_of_a_result_with_a_profile(desk, sandbox, kind):
    picture = Image.new("RGB", (400, 300), (200, 50, 30))
    swapped = samples.swapped_icc()

    preview = preview_of(desk.remove(), samples.encoded(picture, kind, icc_profile=swapped))

    red, green, _, alpha = preview.getpixel((80, 60))
    assert green > red + 60  # What is called red in it is green.
    assert alpha == 255


@pytest.mark.parametrize("profile", [b"no profile", samples.icc()[:200]], ids=["text", "cut"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "CMYK"])
def test_u43_a_profile_that_cannot_be_read_changes_nothing(desk, sandbox, mode, profile):
    picture = Image.new("RGB", (400, 300), (90, 90, 90)).convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"

    preview = preview_of(desk.remove(), samples.encoded(picture, kind, icc_profile=profile))

    assert all(abs(value - 90) < 6 for value in preview.getpixel((80, 60))[:3])


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_u44_a_preview_is_transparent_where_a_result_is_by_its_colour(desk, sandbox, mode):
    picture = Image.new(mode, (400, 300), 7 if mode != "RGB" else (7, 7, 7))
    clear = (7, 7, 7) if mode == "RGB" else 7

    removal = desk.remove()
    preview = preview_of(removal, samples.encoded(picture, "PNG", transparency=clear))

    assert preview.getpixel((80, 60))[3] == 0
    assert removal.result_has_alpha


def test_the_list_shows_a_small_preview(desk, sandbox):
    removal = desk.remove(format="png")

    answer = desk.browser.get(f"/teams/acme/removals/{removal.pk}/thumbnail")
    preview = Image.open(io.BytesIO(b"".join(answer.streaming_content)))
    assert max(preview.size) == 160
    assert f"{removal.pk}/thumbnail" in desk.browser.get("/teams/acme/removals/").content.decode()


def test_a_viewer_sees_results_and_cannot_send(desk, sandbox, victor):
    removal = desk.remove(format="png")
    watching = desk_of(victor)

    assert watching.result(removal).size == (480, 360)
    assert watching.send(subject()).status_code == 403
