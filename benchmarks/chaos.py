"""`kill -9` at random moments while pictures are sent and worked on (SAFETY R1, at volume).

A client posts pictures and repeats what was not answered; web and worker are killed and started
again. In the end three ledgers are compared: what the client was told, our rows, what the sandbox
charged. Wanted: 0 lost, 0 charged twice, and no more unknown than kills × pictures at once.
"""

import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="dashboard-bench-")
os.environ["ENCRYPTION_KEYS"] = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

import django
import requests

django.setup()

from tests.conftest import running_sandbox
from tests.removals.conftest import subject
from tests.removals.house import House

PICTURES, KILLS, THREADS = 300, 30, 4
LONGEST = 300  # seconds


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="dashboard-chaos-"))
    with running_sandbox(folder / "shed", model=folder / "none.onnx") as sandbox:
        house = House(folder, sandbox)
        house.environment["WORKER_THREADS"] = str(THREADS)
        processes = {"web": house.web(), "worker": house.worker()}
        posting = threading.Thread(target=post_all, args=(house,))
        posting.start()
        chance, kills = random.Random(7), 0
        began = time.monotonic()
        while (posting.is_alive() or kills < KILLS) and time.monotonic() - began < LONGEST:
            time.sleep(chance.uniform(0.3, 1.5))
            if kills < KILLS:
                name = chance.choice(["worker", "worker", "web"])
                house.stop(processes[name], how=signal.SIGKILL)
                processes[name] = house.web() if name == "web" else house.worker()
                kills += 1
        posting.join()
        settle(house, processes)
        report(house, kills)
        for process in processes.values():
            house.stop(process)


def post_all(house: House) -> None:
    """Send each picture until it is taken, as a page does that heard no answer."""
    for number in range(PICTURES):
        content, nonce = subject(size=(40 + number, 40)), str(uuid4())
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if house.post(content, nonce).status_code == 201:
                    break
            except requests.RequestException:
                time.sleep(0.1)


def settle(house: House, processes: dict) -> None:
    """Let the leases of killed workers be over, and the last worker finish the rest."""
    house.stop(processes["worker"])
    house.expire_leases()
    processes["worker"] = house.worker()
    house.settle()


def report(house: House, kills: int) -> None:
    rows = house.rows()
    promised = {identity.replace("-", "") for identity in house.accepted.values()}
    charges = Counter(charge["sha256"] for charge in house.sandbox.ledger("sandbox-premium"))
    states = Counter(row["state"] for row in rows.values())
    in_vain = [row for row in rows.values() if not charges[row["picture_sha256"]]]
    wrong = [row for row in in_vain if row["charged"] == "yes"]
    print(f"{len(promised)} pictures taken, {kills} kills, {THREADS} at once: {dict(states)}")
    twice = sum(count > 1 for count in charges.values())
    paid = states["unknown"] - len(in_vain)
    print(f"lost: {len(promised - set(rows))}, charged twice: {twice}")
    print(f"unknown: {states['unknown']}, of which charged: {paid}; said so wrongly: {len(wrong)}")


if __name__ == "__main__":
    main()
