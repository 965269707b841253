"""`kill -9` and full disks at random moments while pictures are sent and worked on (R1, R19).

A client posts pictures and repeats what was not answered; web and worker are killed and started
again, and the disk of the pictures is full now and then. In the end three ledgers are compared:
what the client was told, our rows, what the sandbox charged. Wanted: 0 lost, 0 charged twice, and
no more unknown than kills × pictures at once.
"""

import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
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

PICTURES, KILLS, FILLS, THREADS = 300, 30, 40, 4
DISK, FULL_FOR = "260m", 0.3  # More than the room that a removal asks for; seconds.
LONGEST = 300  # seconds


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="dashboard-chaos-"))
    with (
        ExitStack() as stack,
        running_sandbox(folder / "shed", model=folder / "none.onnx") as sandbox,
    ):
        disk = small_disk(folder / "files", stack)
        house = House(folder, sandbox)
        house.environment["WORKER_THREADS"] = str(THREADS)
        processes = {"web": house.web(), "worker": house.worker()}
        posting = threading.Thread(target=post_all, args=(house,))
        posting.start()
        chance, kills, fills = random.Random(7), 0, 0
        began = time.monotonic()
        while (posting.is_alive() or kills < KILLS) and time.monotonic() - began < LONGEST:
            time.sleep(chance.uniform(0.1, 0.8))
            if disk and fills < FILLS and chance.random() < 0.5:
                fill(disk, leaving=chance.choice((0, 4096, 20_000, 100_000)))
                fills += 1
            elif kills < KILLS:
                name = chance.choice(["worker", "worker", "web"])
                house.stop(processes[name], how=signal.SIGKILL)
                processes[name] = house.web() if name == "web" else house.worker()
                kills += 1
        posting.join()
        settle(house, processes)
        print(f"the disk was full {fills} times" if disk else "no disk was filled: that takes root")
        report(house, kills)
        for process in processes.values():
            house.stop(process)


def small_disk(place: Path, stack: ExitStack) -> Path | None:
    """Mount a disk of its own for the pictures until the stack ends; None where that is refused."""
    place.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        return None
    stack.callback(subprocess.run, ["umount", "--lazy", str(place)], check=True)
    return place


def fill(disk: Path, *, leaving: int) -> None:
    """Leave so many bytes for a moment; what is under way meets a full disk."""
    room = os.statvfs(disk)
    filling = disk / "filling"
    with suppress(OSError), filling.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, room.f_bavail * room.f_frsize - leaving))
        time.sleep(FULL_FOR)
    filling.unlink()


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
