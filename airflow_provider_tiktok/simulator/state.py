# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the simulated platforms know and how strict they are: one JSON document, checked on every change.

The document's shape stands in ``rules/state.json``, its first contents in ``rules/default_state.json``. Both
refuse names they do not know, so that a misspelled setting never passes for one that works.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import Any

from airflow_provider_tiktok.simulator.exchange import JsonObject
from airflow_provider_tiktok.simulator.rulebook import compile_rules, first_violation, load_rules


class BadSetting(ValueError):
    """The state or a fault does not have the shape it must have; the message names the place."""


class State:
    """Holds the document; every read sees one whole version of it.

    :param patch: laid over the defaults as a JSON merge patch (RFC 7396): ``None`` removes a member.
    """

    def __init__(self, patch: Mapping[str, Any] | None = None) -> None:
        """Starts from the defaults with the patch laid over them."""
        self._lock = threading.Lock()
        self._document = _checked(merge(load_rules("default_state"), patch or {}))

    @property
    def snapshot(self) -> JsonObject:
        """Gives the current version itself, for reading only: changes go through ``patch``."""
        return self._document

    def read(self) -> JsonObject:
        """Gives a copy of the document."""
        return copy.deepcopy(self._document)

    def __getitem__(self, name: str) -> Any:
        """Gives a copy of one member of the document, such as ``"tiktok"``."""
        return copy.deepcopy(self._document[name])

    def patch(self, patch: Mapping[str, Any]) -> None:
        """Lays a JSON merge patch over the current version.

        :raises BadSetting: if the outcome does not have the right shape; nothing is changed then.
        """
        with self._lock:
            self._document = _checked(merge(self._document, patch))

    def replace(self, patch: Mapping[str, Any] | None = None) -> None:
        """Goes back to the defaults and lays the patch over them."""
        with self._lock:
            self._document = _checked(merge(load_rules("default_state"), patch or {}))


def merge(document: Any, patch: Any) -> Any:
    """Gives the document with the JSON merge patch laid over it; neither is changed."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    merged = dict(document) if isinstance(document, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def check_setting(rules: str, document: Any) -> None:
    """Passes a document that keeps the rule file.

    :raises BadSetting: naming the first place that does not.
    """
    violation = first_violation(compile_rules(rules), document)
    if violation:
        raise BadSetting(f"{rules}: {'.'.join(map(str, violation.path)) or 'document'}: {violation.reason}")


def _checked(document: Any) -> JsonObject:
    check_setting("state", document)
    checked: JsonObject = document
    return checked
