"""Two sandboxes for all tests of this folder; each test has keys of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import WAIT
from tests.sandbox.box import MODEL, SEEN, Box


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A sandbox without a model, which is quick, and that waits for slow machines."""
    folder = tmp_path_factory.mktemp("box")
    waits = {"SANDBOX_SLOW": "0.3", "SANDBOX_READ_TIMEOUT": str(WAIT)}
    running = Box(folder, model=Path("missing.onnx"), **waits)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def model_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A sandbox with the model; skips where it was not fetched."""
    if not MODEL.is_file():
        pytest.skip("var/models/u2netp.onnx is not there: run python -m dashboard.sandbox.model")
    running = Box(tmp_path_factory.mktemp("model"))
    yield running
    assert running.stop() == 0


@pytest.fixture
def fresh(request: pytest.FixtureRequest) -> str:
    """The key of an account that no other test knows."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    return f"sandbox-{name}"[:80]


@pytest.fixture
def seen(box: Box) -> Iterator[Callable[[str], None]]:
    """Let an account be first seen at SEEN, where its clock stands; it is forgotten at the end."""
    keys = []

    def begin(key: str) -> None:
        keys.append(key)
        box.reset(key)
        box.set_clock(key, SEEN)

    yield begin
    for key in keys:
        box.reset(key)
