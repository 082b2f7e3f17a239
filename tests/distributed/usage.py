# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What named trees of processes use of processor and memory, read from ``/proc`` while they work."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

EVERY_S = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")
_PPID, _UTIME, _CSTIME = 1, 11, 14
"""Places in ``/proc/<pid>/stat`` behind the name; of four times the last two are of ended children."""


class Usage(NamedTuple):
    """What a tree of processes has used.

    :param cpu_s: seconds of the processor, those of ended processes included.
    :param peak_mb: most memory at once; pages that processes share count once.
    """

    cpu_s: float
    peak_mb: float


class Process(NamedTuple):
    """A process as ``/proc`` has it.

    :param own_s: seconds of the processor that it took itself.
    :param all_s: those of its ended children besides.
    """

    parent: int
    own_s: float
    all_s: float


class Watch:
    """Looks at trees of processes until it is left; a tree that ends keeps what it was last seen with.

    :param trees: name to the process at the root of its tree.
    :param this: name for the calling process without those that it started.
    """

    def __init__(self, trees: Mapping[str, int], *, this: str) -> None:
        self._trees = dict(trees)
        self._this = this
        self._first: dict[str, float] = {}
        self._cpu_s: dict[str, float] = {}
        self._peak_mb: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._look()
        self._first = dict(self._cpu_s)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def usage(self) -> dict[str, Usage]:
        """What each tree used between the first look and the last."""
        return {
            name: Usage(self._cpu_s[name] - self._first[name], self._peak_mb[name]) for name in self._first
        }

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._look()

    def _look(self) -> None:
        processes = _processes()
        this = os.getpid()
        self._note(self._this, cpu_s=processes[this].own_s, pids={this})
        for name, root in self._trees.items():
            if pids := tree_of(root, processes):
                self._note(name, cpu_s=sum(processes[pid].all_s for pid in pids), pids=pids)

    def _note(self, name: str, *, cpu_s: float, pids: set[int]) -> None:
        # A child that has ended is in no tree until its parent has waited for it.
        self._cpu_s[name] = max(cpu_s, self._cpu_s.get(name, 0.0))
        self._peak_mb[name] = max(sum(map(_memory_mb, pids)), self._peak_mb.get(name, 0.0))


def tree_of(root: int, processes: Mapping[int, Process] | None = None) -> set[int]:
    """A process and all that descend from it; empty where it has ended."""
    known = _processes() if processes is None else processes
    found = {root} & known.keys()
    waiting = set(found)
    while waiting:
        waiting = {pid for pid, process in known.items() if process.parent in waiting} - found
        found |= waiting
    return found


def _processes() -> dict[int, Process]:
    """Every process of this machine."""
    found: dict[int, Process] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(") ")[2].split()
                times = [int(one) / _TICKS for one in fields[_UTIME : _CSTIME + 1]]
                found[int(folder.name)] = Process(int(fields[_PPID]), sum(times[:2]), sum(times))
    return found


def _memory_mb(pid: int) -> float:
    with suppress(OSError):
        for line in (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
