"""Settings of the tests, put into the environment before anything reads it (a pytest plugin)."""

import os
import tempfile

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="dashboard-tests-")
os.mkdir(os.path.join(os.environ["DATA_DIR"], "static"))
os.environ.setdefault("SECRET_KEY", "tests-tests-tests-tests-tests-tests-tests-tests-tests")
os.environ["SITE_URL"] = "http://127.0.0.1:8000"
os.environ["ENCRYPTION_KEYS"] = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
os.environ["LOG_LEVEL"] = "WARNING"
os.environ["DEMO"] = "False"
os.environ["WEB_WORKERS"] = "1"
for name in (
    "REMBG_API_URL",
    "REMBG_SITE_URL",
    "EMAIL_URL",
    "SIGN_UP_OPEN",
    "DEBUG",
    "API_KEY",
):
    os.environ.pop(name, None)
if "REDIS_URL" in os.environ:
    # Each process of a parallel run has a Redis database of its own.
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.environ["REDIS_URL"] = f"{os.environ['REDIS_URL'].rsplit('/', 1)[0]}/{number + 1}"
