# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A refresh that dies by SIGKILL after so many answers: database, LiveRamp's address, number of answers."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from airflow_provider_tiktok.conversions.http import HttpReply, HttpRequest, RequestsTransport
from airflow_provider_tiktok.conversions.liveramp.envelopes import EnvelopeClient
from airflow_provider_tiktok.simulator import DEFAULT_ORIGIN, DEFAULT_PLACEMENT_ID
from tests.conversions.liveramp.test_with_simulator import refresh_people


class Deadly:
    """A transport whose last answer is the process's end."""

    def __init__(self, answers: int) -> None:
        self._send = RequestsTransport()
        self._left = answers
        self._lock = threading.Lock()

    def __call__(self, request: HttpRequest, /) -> HttpReply:
        reply = self._send(request)
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return reply


def main(database: str, url: str, answers: str) -> None:
    """Refresh until death."""
    client = EnvelopeClient(
        DEFAULT_PLACEMENT_ID, origin=DEFAULT_ORIGIN, base_url=url, transport=Deadly(int(answers))
    )
    refresh_people(Path(database), client)


if __name__ == "__main__":
    main(*sys.argv[1:])
