# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a run was asked to do, checked, and the records that its input makes.

The room reads the input by name. It neither sends nor knows Airflow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.service.inputs import ADDED, CREDENTIAL_NAMES, FIELDS, REFUSED, TASKS
from airflow_provider_tiktok.task.samples import sample_details, sample_events

_PERSONAL = ("email", "phone", "externalId", "ipAddress")

_OF_CREDENTIALS = re.compile(
    "tok+e+n|secret|passw|passphrase|credential|authoriz|authoris|bearer|oauth|cookie|session|signature"
    "|(api|access|private|secret|app|auth|client|license)key|^(auth|xauth|key|jwt|pat|pwd|pass|creds?|login)$"
)

_DETAILS = (
    *("email", "phone", "externalId", "ttclid", "ttp", "ipAddress", "userAgent"),
    *("eventTime", "eventSourceUrl", "value", "orderId", "contentId"),
)
"""The fields of one event that have no default: where none is given, no event is."""

_COMPANIONS = {"currency": "value", "contentType": "contentId", "quantity": "contentId"}
"""Fields with a default to the field without which they say nothing."""


class Request(Sealed, frozen=True, kw_only=True):
    """A run's input, checked; a field that was left out or empty is ``None``.

    :param is_demo: whether the input asks for demo mode; ``False`` leaves it to the connection.
    :param event: one event as it was given, by the names of the form.
    """

    task: str
    is_demo: bool
    is_hashed: bool
    pixel_code: str | None
    advertiser_id: str | None
    test_event_code: str | None
    events: str | None
    events_path: str | None
    event: Mapping[str, Any]

    @property
    def has_sample(self) -> bool:
        """Whether a sample takes the place of events that were not given: in demo mode only."""
        if self.task == "send_batch_events":
            return self.is_demo and not self.events and not self.events_path
        return self.is_demo and not any(name in self.event for name in _DETAILS)

    @property
    def identity_policy(self) -> str:
        """How identifiers are read. The sample is raw, whatever the input says of its own."""
        return "hashed" if self.is_hashed and not self.has_sample else "auto"

    @property
    def shows_personal_data(self) -> bool:
        """Whether raw identifiers may stand in the input."""
        return not self.is_hashed and bool(self.events or any(name in self.event for name in _PERSONAL))

    def one_event(self, *, now: int) -> dict[str, Any]:
        """The record of the one event.

        The time of the run and the order's id make a retry, and the same order sent again, the same event.

        :param now: Unix seconds; the same in every try of a run.
        """
        given = {**self.event, **(sample_details(now=now) if self.has_sample else {})}
        record = {name: value for name, value in given.items() if _COMPANIONS.get(name, name) in given}
        record.setdefault("eventTime", str(now))
        if "orderId" in record:
            record["eventId"] = record["orderId"]
        return record

    def many_events(self, *, now: int) -> str | list[dict[str, Any]]:
        """The records of ``events``, as the text that was given; the sample where none was.

        :param now: Unix seconds, the time of the sample.
        :raises ConfigurationError: none were given.
        """
        if self.events:
            return self.events
        if self.has_sample:
            return sample_events(now=now)
        raise ConfigurationError(
            "Give a JSON array in 'events', or a file in 'eventsPath': send_batch_events needs "
            "events. In demo mode sample events are used."
        )


def read_request(given: Mapping[str, Any], *, conn_id: str) -> Request:
    """What the input asks for.

    :param given: field name to value.
    :param conn_id: the connection that credentials belong into.
    :raises ConfigurationError: a field is unknown, or is not taken here, or fields contradict each other.
    """
    _check_names(given, conn_id=conn_id)
    known = {name: value for name, value in given.items() if value not in (None, "")}
    if known.get("task") not in TASKS:
        raise ConfigurationError(f"Set task to one of: {', '.join(TASKS)}.")
    if "customEventName" in known and known.get("eventName") != "CustomEvent":
        raise ConfigurationError(
            "Set eventName to CustomEvent, or leave out customEventName: which of the two is meant?"
        )
    if "events" in known and "eventsPath" in known:
        raise ConfigurationError("Give one of events and eventsPath: both are given.")
    event_fields = (*_DETAILS, *_COMPANIONS, "eventName", "customEventName")
    return Request(
        task=known["task"],
        is_demo=known.get("demoMode", True) is not False,
        is_hashed=known.get("isAlreadyHashed", False) is True,
        pixel_code=known.get("pixelCode"),
        advertiser_id=known.get("advertiserId"),
        test_event_code=known.get("testEventCode"),
        events=known.get("events"),
        events_path=known.get("eventsPath"),
        event={name: known[name] for name in event_fields if name in known},
    )


def path_below(folder: str | None, path: str) -> str:
    """The path inside the folder.

    Whoever may start a run must not be able to have any file of a worker read.

    :raises ConfigurationError: there is no folder, or the path leads out of it.
    """
    if not folder:
        raise ConfigurationError("Name an events_folder in this DAG: without one eventsPath is not taken.")
    parts = path.split("/")
    if path.startswith(("/", "~")) or "://" in path or "\\" in path or ".." in parts:
        raise ConfigurationError("Give a path below this DAG's events folder as eventsPath.")
    return f"{folder.rstrip('/')}/{path}"


def _check_names(given: Mapping[str, Any], *, conn_id: str) -> None:
    """Nothing, where every field is known and none is a credential's.

    A token is what a stranger's field most likely holds, so what to do about one comes before any spelling.
    """
    known = (*FIELDS, *ADDED)
    sent = {name for name, value in given.items() if value not in (None, "", REFUSED)}
    if any(_is_credential(name) for name in sent):
        raise ConfigurationError(
            "Revoke the token or secret that was sent: Airflow may have stored it. No input of this DAG "
            f"takes one, under any name. Put the new token into the password of connection {conn_id!r}."
        )
    for name in given:
        if name not in (*known, *CREDENTIAL_NAMES):
            meant = get_close_matches(str(name), known, n=1)
            hint = f" Did you mean {meant[0]!r}?" if meant and not _is_credential(meant[0]) else ""
            raise ConfigurationError(
                f"Leave out the field that is not known here.{hint} If it held a token or another "
                "secret, revoke that: Airflow may have stored it."
            )


def _is_credential(name: Any) -> bool:
    """Whether a field of this name is likely to hold a token or another secret."""
    letters = re.sub(r"[^a-z]", "", str(name)[:100].lower())
    return bool(_OF_CREDENTIALS.search(letters) or get_close_matches(letters, ("accesstoken",), cutoff=0.75))
