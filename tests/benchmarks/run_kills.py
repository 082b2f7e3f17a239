# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Uploads killed by SIGKILL at 200 random points, and how many events each kill made come again.

``make test-kills``. Each upload runs in a process of its own, against the simulator, with its checkpoint in a
file; what is counted stands in the simulator's ledger. Nothing leaves the machine.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

N_GOOD = 4000
BAD_ROWS = (7, 1800, 4003)
BATCH = 50
IN_FLIGHT = 4
ANSWER_TAKES_S = 0.1
KILLS_OF_AN_UPLOAD = 20
SAVED_EVERY_S = 1.0
BUSY_S = 0.2
"""How long an answer may wait on a busy machine until it is saved."""

IN_FLIGHT_EVENTS = IN_FLIGHT * BATCH

_SPAWN = multiprocessing.get_context("forkserver")


class Kill(NamedTuple):
    """One kill.

    :param place: which part of the upload it fell into.
    :param repeats: events that the next try sent although TikTok had them.
    :param promised: what was in flight, what was answered in the last second, and what the kill before had
        left to send again.
    """

    place: str
    repeats: int
    promised: int


class FileStore:
    """A checkpoint in a file, which is whole or the one before."""

    tries = "first"

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Any] | None:
        """What was saved last."""
        return json.loads(self._path.read_text()) if self._path.exists() else None

    def save(self, state: dict[str, Any]) -> None:
        """Keep this state."""
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(state))
        os.replace(new, self._path)


def upload(folder: Path, url: str) -> None:
    """One try; its receipt is left in a file."""
    from airflow_provider_tiktok.conversions.batching import Limits
    from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
    from airflow_provider_tiktok.conversions.delivery.engine import Options, deliver
    from airflow_provider_tiktok.conversions.http import Pace, RequestsTransport
    from airflow_provider_tiktok.conversions.mapping import EventMapping
    from airflow_provider_tiktok.conversions.sources.files import FilesSource
    from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
    from airflow_provider_tiktok.conversions.tiktok.destination import TikTokDestination
    from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
    from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, DEFAULT_TOKEN

    delivery = deliver(
        FilesSource([folder / "orders.jsonl"]),
        mapping=EventMapping(),
        destination=TikTokDestination(
            TikTokClient(DEFAULT_TOKEN, base_url=url, transport=RequestsTransport(), pace=Pace()),
            event_source="web",
            event_source_id=DEFAULT_PIXEL_CODE,
            rules=ValidationRules(event_source="web", now=time.time),
            limits=Limits(max_events=BATCH),
        ),
        options=Options(max_in_flight=IN_FLIGHT),
        dead_letters=DeadLetters(folder / "letters.jsonl", run="upload"),
        checkpoints=FileStore(folder / "checkpoint.json"),
    )
    (folder / "receipt.json").write_text(json.dumps(delivery.receipt.as_dict()))


def write_orders(path: Path) -> None:
    """Good orders, and some that cannot be read."""
    now = int(time.time()) - 3600
    with path.open("w") as file:
        for number in range(1, N_GOOD + len(BAD_ROWS) + 1):
            order = {
                "event": "Purchase",
                "event_id": f"order-{number}",
                "event_time": "soon" if number in BAD_ROWS else now,
                "user": {"email": f"person{number}@example.com"},
                "page": {"url": "https://shop.example.com/thanks"},
                "properties": {"value": 12.5, "currency": "USD"},
            }
            file.write(f"{json.dumps(order)}\n")


class KilledUpload:
    """One upload, tried again after each kill.

    :param chance: gives the points.
    """

    def __init__(self, folder: Path, simulator: Any, chance: random.Random) -> None:
        self._folder = folder
        self._simulator = simulator
        self._chance = chance
        self.kills: list[Kill] = []

    def run(self) -> list[Kill]:
        """The kills, once the upload has come to its end all the same."""
        write_orders(self._folder / "orders.jsonl")
        points = sorted(self._chance.randrange(N_GOOD) for _ in range(KILLS_OF_AN_UPLOAD * 4 // 5))
        points += [N_GOOD] * (KILLS_OF_AN_UPLOAD - len(points))
        waiting: tuple[str, int] | None = None
        owed = 0
        for point in points:
            process = self._start()
            before = self._repeats()
            self._wait_for(process, point)
            killed_at = time.time()
            process.kill()
            process.join()
            self._note(waiting, before)
            promised = max(0, owed - (self._repeats() - before)) + self._promised(killed_at)
            waiting, owed = (self._place(), promised), self._owed()
        before = self._repeats()
        process = self._start()
        process.join()
        self._note(waiting, before)
        self._check_whole()
        return self.kills

    def _start(self) -> BaseProcess:
        process = _SPAWN.Process(target=upload, args=(self._folder, self._simulator.url), daemon=True)
        process.start()
        return process

    def _wait_for(self, process: BaseProcess, point: int) -> None:
        """Until TikTok has so many events, and then a little; a point that is passed falls anywhere."""
        if self._accepted() >= point:
            time.sleep(self._chance.uniform(0, 0.6))
        while self._accepted() < point and process.is_alive():
            time.sleep(0.005)
        time.sleep(self._chance.uniform(0, ANSWER_TAKES_S))

    def _place(self) -> str:
        accepted = self._accepted()
        if accepted == N_GOOD:
            return "after the last batch"
        return f"at {accepted * 4 // N_GOOD * 25} to {accepted * 4 // N_GOOD * 25 + 25} %"

    def _promised(self, killed_at: float) -> int:
        """What was in flight, and what was answered in the last second."""
        since = killed_at - SAVED_EVERY_S - ANSWER_TAKES_S - BUSY_S
        recent = sum(one.received_at >= since and one.code == 0 for one in self._simulator.requests)
        return IN_FLIGHT_EVENTS + recent * BATCH

    def _owed(self) -> int:
        """Events that TikTok has and the checkpoint does not name: a try that is killed early leaves some."""
        state = FileStore(self._folder / "checkpoint.json").load()
        if state is None:
            return self._accepted()
        return (
            0 if state["receipt"] else self._accepted() - int(state["tally"]["outcomes"].get("accepted", 0))
        )

    def _note(self, waiting: tuple[str, int] | None, before: int) -> None:
        """What came again in a try was made to by the kill before it."""
        if waiting is not None:
            self.kills.append(Kill(waiting[0], self._repeats() - before, waiting[1]))

    def _check_whole(self) -> None:
        receipt = json.loads((self._folder / "receipt.json").read_text())
        letters = (self._folder / "letters.jsonl").read_text().splitlines()
        counts = (self._accepted(), receipt["accepted"], receipt["rejected"], receipt["read"])
        if counts != (N_GOOD, N_GOOD, len(BAD_ROWS), N_GOOD + len(BAD_ROWS)):
            raise SystemExit(f"The upload is not whole: {counts}.")
        if sorted(json.loads(letter)["row"] for letter in letters) != sorted(BAD_ROWS):
            raise SystemExit("Dead letters are missing, or there are too many.")
        if self._simulator.ledger.summary()["live"]["changed_resends"]:
            raise SystemExit("What came again had changed.")

    def _accepted(self) -> int:
        return int(self._simulator.ledger.summary()["live"]["unique_events"])

    def _repeats(self) -> int:
        return int(self._simulator.ledger.summary()["live"]["repeats"])


def report(kills: list[Kill]) -> None:
    """A table by place, for the page on retries."""
    print("| killed when TikTok had | kills | without repeats | most repeats | promised then |")
    print("|---|---|---|---|---|")
    for place in sorted(
        Counter(kill.place for kill in kills), key=lambda name: (name[:2] != "at", len(name), name)
    ):
        at = [kill for kill in kills if kill.place == place]
        worst = max(at, key=lambda kill: kill.repeats)
        none = sum(kill.repeats == 0 for kill in at)
        print(f"| {place.removeprefix('at ')} | {len(at)} | {none} | {worst.repeats} | {worst.promised} |")


def main() -> None:
    """Kill so many times; exit with an error where a kill cost more than is promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    from airflow_provider_tiktok.simulator import Simulator

    _SPAWN.set_forkserver_preload(
        [
            "airflow_provider_tiktok.conversions.delivery.engine",
            "airflow_provider_tiktok.conversions.sources.files",
            "airflow_provider_tiktok.conversions.tiktok.destination",
            "requests",
        ]
    )
    chance = random.Random(arguments.seed)
    kills: list[Kill] = []
    while len(kills) < arguments.kills:
        with tempfile.TemporaryDirectory() as folder, Simulator() as simulator:
            simulator.faults = [{"effect": {"delay_s": ANSWER_TAKES_S, "process": True}}]
            kills += KilledUpload(Path(folder), simulator, chance).run()
        print(f"{len(kills)} kills", file=sys.stderr)
    print(f"{len(kills)} kills, seed {arguments.seed}: every upload whole, each dead letter once.\n")
    report(kills)
    broken = [kill for kill in kills if kill.repeats > kill.promised]
    if broken:
        raise SystemExit(f"More than promised: {broken}")


if __name__ == "__main__":
    main()
