"""Names that strangers chose are fit to show and to save under (promises U22 to U25)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.rembg.filenames import display, download_name, extension_of, from_form, safe_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("../../etc/passwd", "passwd", id="U22-up"),
        pytest.param("..\\..\\win.ini", "win.ini", id="U22-windows"),
        pytest.param("/abs/x.png", "x.png", id="U22-absolute"),
        pytest.param("C:\\photos\\x.png", "x.png", id="U22-drive"),
        pytest.param("photos/", "photos", id="U22-folder"),
        pytest.param("..", "picture", id="U22-parent"),
        pytest.param("", "picture", id="U22-nothing"),
        pytest.param("a\0b.png", "ab.png", id="U23-nul"),
        pytest.param("a\r\nSet-Cookie: x.png", "aSet-Cookie: x.png", id="U23-header"),
        pytest.param("gnp.\u202exe.png", "gnp.xe.png", id="U23-bidi"),
        pytest.param("a\u200b\u200d\ufeffb.png", "ab.png", id="U23-zero-width"),
        pytest.param("a\u2028b\x1b[31m.png", "ab[31m.png", id="U23-line-and-escape"),
        pytest.param("a\ud800.png", "a.png", id="U23-surrogate"),
        pytest.param("  a \u00a0 b.png ", "a b.png", id="U23-spaces"),
        pytest.param("\u200b/\0", "picture", id="U23-nothing-visible"),
        pytest.param(
            "<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png", id="U25"
        ),
        pytest.param("=cmd|calc.png", "=cmd|calc.png", id="U25-formula"),
        pytest.param("Tasche 👜 grün.png", "Tasche 👜 grün.png", id="U25-emoji"),
        pytest.param("u\u0308ber.png", "über.png", id="U25-composed"),
    ],
)
def test_a_name_is_shown_without_its_path_and_what_cannot_be_seen(name, expected):
    assert safe_name(name) == expected


@pytest.mark.parametrize("length", [300, 10_000])
def test_u24_a_long_name_is_cut_and_keeps_its_extension(length):
    name = "a" * length + ".png"

    assert safe_name(name) == "a" * 251 + ".png"
    assert display(name, 80) == "a" * 75 + "….png"
    assert display("short.png", 80) == "short.png"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.PNG", "png"),
        ("a.tar.gz", "gz"),
        ("a.exe\0", "exe"),
        ("a.jpg/../b", ""),
        ("a", ""),
        ("a.", ""),
        (".htaccess", ""),
        ("v1.2", ""),
        ("a.x y", ""),
        ("a." + "x" * 17, ""),
        ("a.жпг", ""),
        ("a.mp4", "mp4"),
    ],
)
def test_an_extension_is_short_plain_and_has_a_letter(name, expected):
    assert extension_of(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shoe.jpg", "shoe.png"),
        ("shoe", "shoe.png"),
        ("shoe.final.jpeg", "shoe.final.png"),
        ("v1.2", "v1.2.png"),
        pytest.param("../../etc/passwd", "passwd.png", id="U22"),
        pytest.param('12" vase.jpg', '12" vase.png', id="U47-quote"),
        pytest.param('a";filename=b.exe', 'a";filename=b.png', id="U25-header"),
        pytest.param("<b>.png", "_b_.png", id="U25-html"),
        pytest.param("CON.png", "_CON.png", id="U25-device"),
        pytest.param("com1.x.png", "_com1.x.png", id="U25-device-with-more"),
        pytest.param("console.png", "console.png", id="U25-no-device"),
        pytest.param(".htaccess", "htaccess.png", id="U25-hidden"),
        pytest.param("...png", "picture.png", id="U25-dots"),
        pytest.param("", "picture.png", id="nothing"),
        pytest.param("ü" * 300, "ü" * 125 + ".png", id="U24-bytes"),
    ],
)
def test_a_result_is_saved_under_the_original_name(name, expected):
    assert download_name(name, extension="png") == expected


@pytest.mark.parametrize(
    ("sent", "chosen"),
    [
        pytest.param("12%22 vase.jpg", '12" vase.jpg', id="U47-quote"),
        pytest.param("a%0D%0Ab.jpg", "a\r\nb.jpg", id="U47-line-end"),
        pytest.param("%22%22.jpg", '"".jpg', id="U47-twice"),
        pytest.param("100%25 wool.jpg", "100%25 wool.jpg", id="U47-other-escapes-stay"),
        pytest.param("a%2522.jpg", "a%2522.jpg", id="U47-escaped-percent-stays"),
        pytest.param("50%20off%0a.jpg", "50%20off%0a.jpg", id="U47-lower-case-is-not-an-escape"),
        pytest.param("", "", id="U47-nothing"),
    ],
)
def test_a_name_from_a_form_is_the_one_that_was_chosen(sent, chosen):
    assert from_form(sent) == chosen


@given(st.text(max_size=60))
def test_u47_what_a_browser_escapes_comes_back_and_stays_safe(chosen):
    wire = chosen.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

    if not any(escape in chosen for escape in ("%22", "%0D", "%0A")):
        assert from_form(wire) == chosen
    assert not set(safe_name(from_form(wire))) & set("\r\n/\\")


@given(st.text(max_size=400), st.sampled_from(["png", "jpg", "webp", "bmp"]))
def test_any_name_at_all_is_safe(name, extension):
    for made in (safe_name(name), display(name, 80), download_name(name, extension=extension)):
        assert made
        assert len(made) <= 255
        assert not set(made) & set("/\\\0\r\n\t")
        assert not any(
            unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in made
        )
        made.encode()
    assert safe_name(safe_name(name)) == safe_name(name)
    assert len(display(name, 80)) <= 80
    assert len(download_name(name, extension=extension).encode()) <= 255
    assert download_name(name, extension=extension).endswith(f".{extension}")
