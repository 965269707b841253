"""The one place that reads the environment; `dashboard.settings` is its only caller."""

import os
import secrets
from pathlib import Path

from environs import FileAwareEnv

ROOT = Path(__file__).resolve().parent.parent.parent


def reader() -> FileAwareEnv:
    """Return a reader of the environment and `.env`; its `seal()` names all wrong values at once.

    A variable `NAME` may also be given as `NAME_FILE`, the path of a file that holds it.
    """
    # Nothing that we write is for other users of the machine: database, pictures, letters, logs.
    os.umask(0o077)
    env = FileAwareEnv(eager=False, strip_whitespace=True)
    env.read_env(ROOT / ".env", recurse=False)
    return env


def kept_secret(path: Path) -> str:
    """Return the secret kept in this file, making it (256 bits, mode 0600) when there is none."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(48)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)
    try:
        # A link, unlike a rename, never replaces what another process has just made.
        os.link(draft, path)
    except FileExistsError:
        return path.read_text().strip()
    finally:
        draft.unlink()
    return secret
