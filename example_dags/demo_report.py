# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What the demo tells a person, and what must be true for it to be a success. Words only: it runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LINE_ITEMS = 1_469_307
"""Line items in the public data."""

PLANTED = frozenset({"1", "2", "3"})
"""Order ids of the bad baskets that the demo adds, one line item each."""

OUTCOMES = ("accepted", "rejected", "skipped", "unconfirmed", "undelivered")


class Run(NamedTuple):
    """One run of the DAG, seen from outside.

    :param state: how Airflow calls the end of it: ``success``.
    :param loaded: what the loading task returned: the day to send, rows by table.
    :param receipt: the receipt of the sending task.
    :param letters: order ids in the dead letter file.
    :param books: the simulator's live book after the run, in numbers.
    :param seconds: duration of the whole DAG run.
    """

    state: str
    loaded: Mapping[str, Any]
    receipt: Mapping[str, Any]
    letters: Sequence[str]
    books: Mapping[str, Any]
    seconds: float


def run_lines(run: Run, *, title: str) -> Iterator[str]:
    """The lines that tell one run."""
    receipt, rows = run.receipt, run.loaded["rows"]
    yield f"{title}  (Airflow says: {run.state}, {run.seconds:.1f} s)"
    yield _line("in the database", rows["line_items"], "line items")
    yield _line("read", receipt["rows"], f"line items of {run.loaded['day']}, which make")
    yield _line("", receipt["read"], "baskets, one event each")
    for outcome in OUTCOMES:
        if receipt[outcome] or outcome in ("accepted", "rejected"):
            yield _line(outcome, receipt[outcome], "baskets")
    yield from _findings(receipt["violations"])
    requests = "request" if receipt["requests"] == 1 else "requests"
    rate = receipt["read"] / max(receipt["seconds"], 0.001)
    yield _line("sent in", receipt["requests"], f"{requests}, {receipt['n_bytes']:,} bytes")
    yield _line(
        "took", f"{receipt['seconds']:.2f}", f"seconds, {rate:,.0f} events/s with reading and hashing"
    )
    if receipt["dead_letter_path"]:
        yield _line("dead letters", receipt["dead_letters"], f"lines in {receipt['dead_letter_path']}")


def ledger_lines(runs: Sequence[Run]) -> Iterator[str]:
    """The lines that tell what the simulated TikTok has on its books."""
    yield "TikTok's books (simulated)"
    before = 0
    for number, run in enumerate(runs, start=1):
        unique = run.books["unique_events"]
        repeats = run.books["repeats"]
        yield _line(
            f"after run {number}", unique, f"events, {unique - before} new; {repeats} repeats dropped"
        )
        before = unique


def expectations(runs: Sequence[Run], *, connections: Mapping[str, int], refused: int) -> dict[str, bool]:
    """Claim to whether it holds. All must.

    :param connections: address to the number of connections made to it.
    :param refused: how often the process tried to leave the machine.
    """
    first, second = runs
    accepted = first.receipt["accepted"]
    return {
        "both DAG runs succeeded": all(run.state == "success" for run in runs),
        f"every one of the {LINE_ITEMS:,} public line items is in the database": all(
            run.loaded["rows"]["line_items"] == LINE_ITEMS + len(PLANTED) for run in runs
        ),
        "no basket is lost: read = accepted + rejected + skipped + unconfirmed + undelivered": all(
            run.receipt["read"] == sum(run.receipt[outcome] for outcome in OUTCOMES) for run in runs
        ),
        "exactly the planted baskets were rejected, all others accepted": all(
            (run.receipt["rejected"], run.receipt["accepted"])
            == (len(PLANTED), run.receipt["read"] - len(PLANTED))
            for run in runs
        ),
        "each of them is in the dead letters, and nothing else is": all(
            sorted(run.letters) == sorted(PLANTED) for run in runs
        ),
        "TikTok's books hold each accepted basket once": first.books["unique_events"] == accepted > 0,
        "the second run sent the same and brought no new event": (
            second.books["unique_events"] == accepted
            and second.books["repeats"] == second.receipt["accepted"] == accepted
            and second.books["changed_resends"] == 0
        ),
        f"nothing left the machine: {_connections(connections)}, {refused} attempts elsewhere": (
            refused == 0 and set(connections) == {"127.0.0.1"}
        ),
    }


def _findings(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for finding in findings:
        rows = ", ".join(map(str, finding["rows"]))
        yield f"{'':>18}  {finding['count']}x {finding['rule']} (line item {rows})"
        yield f"{'':>18}     {finding['remedy']}"


def _connections(connections: Mapping[str, int]) -> str:
    return (
        ", ".join(f"{count} connections to {host}" for host, count in connections.items()) or "no connection"
    )


def _line(label: str, figure: int | str, words: str) -> str:
    shown = f"{figure:,}" if isinstance(figure, int) else figure
    return f"  {label:<16}{shown:>10}  {words}"
