# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The runs that planted values are searched for after: what they do, and what goes wrong meanwhile."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from airflow_provider_tiktok.simulator import Simulator
from tests.privacy.canaries import SENT
from tests.privacy.conftest import VALUES
from tests.webhook_receiver import Receiver

Fault = Mapping[str, Any]


class Scenario(NamedTuple):
    """One run.

    :param part: which tasks.
    :param faults: what the platform does, ``ECHO`` being all that it got, in several forms.
    :param statuses: what the receiver of the results answers; 0: nothing.
    :param asked: name of the run's input, for the service's DAG.
    """

    part: str
    is_spoilt: bool = False
    faults: Sequence[Fault] = ()
    statuses: Sequence[int] = (200,)
    asked: str | None = None

    @property
    def platform(self) -> str:
        """What the platform does, in a word."""
        return "echoes" if "ECHO" in str(self.faults) else "drops" if self.faults else "answers"

    @property
    def receiver(self) -> str:
        """What the receiver of the results does."""
        does = {0: "is silent", 200: "takes them", 307: "leads elsewhere"}
        return does.get(self.statuses[0], "refuses, with words of its own")

    @property
    def kept_by_airflow(self) -> Sequence[str]:
        """The places where Airflow itself keeps the run's input."""
        return ("database: dag_run.conf",) if self.asked else ()


def _code(code: int, **effect: Any) -> Sequence[Fault]:
    return [{"effect": {"code": code, "message": "ECHO", **effect}}]


def _status(status: int) -> Sequence[Fault]:
    return [{"effect": {"http_status": status, "raw_body": "ECHO"}}]


_PARTS = {"failed_events": [{"event_index": 0, "error": "ECHO"}]}
_DROPPED = [{"effect": {"drop": "after"}}]

SCENARIOS: Mapping[str, Scenario] = {
    "success": Scenario("sending"),
    "rejection": Scenario("sending", is_spoilt=True),
    "refusal with echo": Scenario("sending", faults=_code(40002)),
    "refusal of parts with echo": Scenario(
        "sending", faults=[{"match": {"path": "*/event/track/"}, **_code(20001, data=_PARTS)[0]}]
    ),
    "transient failure with echo": Scenario("sending", faults=_code(50000)),
    "an answer that is no answer": Scenario("sending", faults=_status(200)),
    "authorization failure with echo": Scenario("sending", faults=_code(40105)),
    "a lost connection": Scenario("sending", faults=_DROPPED),
    "query, success": Scenario("query"),
    "query, rejection": Scenario("query", is_spoilt=True),
    "query, refusal with echo": Scenario("query", faults=_code(40002)),
    "files, success": Scenario("files"),
    "files, rejection": Scenario("files", is_spoilt=True),
    "files, refusal with echo": Scenario("files", faults=_code(40002)),
    "tables, success": Scenario("tables"),
    "tables, rejection": Scenario("tables", is_spoilt=True),
    "Python, success": Scenario("python"),
    "Python, rejection": Scenario("python", is_spoilt=True),
    "LiveRamp, success": Scenario("liveramp"),
    "LiveRamp, rejection": Scenario("liveramp", is_spoilt=True),
    "LiveRamp, refusal with echo": Scenario("liveramp", faults=_status(400)),
    "LiveRamp, transient failure with echo": Scenario("liveramp", faults=_status(503)),
    "LiveRamp, authorization failure with echo": Scenario("liveramp", faults=_status(401)),
    "looking, success": Scenario("looking"),
    "looking, refusal with echo": Scenario("looking", faults=_code(40002)),
    "looking, authorization failure with echo": Scenario("looking", faults=_code(40105)),
    "webhook, refusal": Scenario("reporting", statuses=(400,)),
    "webhook, redirect": Scenario("reporting", statuses=(307,)),
    "webhook, silence": Scenario("reporting", statuses=(0,)),
    "webhook, failure": Scenario("reporting", faults=_code(40002), statuses=(503,)),
    "service, one event": Scenario("service", asked="one event"),
    "service, refusal with echo": Scenario("service", faults=_code(40002), asked="one event"),
    "service, many events": Scenario("service", is_spoilt=True, asked="many events"),
    "service, a token in the input": Scenario("service", asked="a token"),
}
"""Name to run."""


def prepare(scenario: Scenario, *, platform: Simulator, receiver: Receiver) -> None:
    """Let platform and receiver do what the scenario asks of them."""
    said = json.dumps(_echo(scenario.part))[1:-1]
    platform.faults = json.loads(json.dumps(list(scenario.faults)).replace("ECHO", said))
    receiver.statuses = list(scenario.statuses)
    receiver.says = VALUES["words of a webhook's receiver"]
    receiver.location = f"{receiver.url}/{receiver.says}" if scenario.statuses[0] == 307 else None


def _echo(part: str) -> str:
    """What a platform might say back of what it got, in several forms."""
    said = " ".join(VALUES[field] for field in SENT[part])
    return " ".join((said, quote(said), b64encode(said.encode()).decode(), said.encode().hex(), said.upper()))
