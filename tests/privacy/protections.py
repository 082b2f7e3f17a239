# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Every protection, how it is switched off, and the test that then fails.

What is switched off here is patched, since the point is what happens without it. A protection whose test
stays green without it is none, and ``test_protections.py`` says so.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

HOUSE = "airflow_provider_tiktok"
Patch = pytest.MonkeyPatch


class Protection(NamedTuple):
    """One protection.

    :param claim: what it is for.
    :param off: switches it off.
    :param test: that fails then, as pytest names it; a part of a name counts for all that begin so.
    """

    claim: str
    off: Callable[[Patch], None]
    test: str


def _set(path: str, value: Any) -> Callable[[Patch], None]:
    """Puts the value in the place of ``module:name`` or ``module:Class.name``."""
    module, _, names = path.partition(":")

    def off(patch: Patch) -> None:
        owner: Any = importlib.import_module(f"{HOUSE}.{module}")
        *holders, name = names.split(".")
        for holder in holders:
            owner = getattr(owner, holder)
        patch.setattr(owner, name, value)

    return off


def _all(*steps: Callable[[Patch], None]) -> Callable[[Patch], None]:
    def off(patch: Patch) -> None:
        for step in steps:
            step(patch)

    return off


def _show_values(patch: Patch) -> None:
    _set("task.hidden:Hidden.serialize", lambda self: str(self.value))(patch)
    _set("task.hidden:Hidden.__repr__", lambda self: repr(self.value))(patch)
    _set("task.hidden:Hidden.__str__", lambda self: str(self.value))(patch)


def _leave_templates_open(patch: Patch) -> None:
    hidden = importlib.import_module(f"{HOUSE}.task.hidden")
    is_left_alone = hidden._is_left_alone
    patch.setattr(
        hidden,
        "_is_left_alone",
        lambda value: is_left_alone(value) or (isinstance(value, str) and "{{" in value),
    )


def _render_what_was_pulled(patch: Patch) -> None:
    operator: Any = importlib.import_module(f"{HOUSE}.task.hidden").HidingOperator
    render = operator.render_template
    patch.setattr(
        operator,
        "render_template",
        lambda self, content, context, env=None, seen=None: render(
            self, content, context, env, set() if seen is not None else None
        ),
    )


def _render_again(patch: Patch) -> None:
    hidden = importlib.import_module(f"{HOUSE}.task.hidden")
    init = hidden.Hidden.__init__
    patch.setattr(hidden.Hidden, "__init__", lambda self, value, *, is_data=False: init(self, value))


def _quote_jinja(patch: Patch) -> None:
    operator: Any = importlib.import_module(f"{HOUSE}.task.hidden").HidingOperator
    patch.setattr(operator, "_render_hidden", operator._render_open)


def _digest_nothing(patch: Patch) -> None:
    class Plain:
        def __init__(self, text: bytes) -> None:
            self._text = text.decode()

        def hexdigest(self) -> str:
            return self._text

    _set("conversions.identifiers.preparation:sha256", Plain)(patch)


PROTECTIONS: Mapping[str, Protection] = {
    "hidden arguments": Protection(
        "Airflow stores and shows rendered fields: of events only their number.",
        _show_values,
        "tests/airflow/task/test_hidden.py::test_events_are_hidden",
    ),
    "hidden templates": Protection(
        "A text that looks like a template may hold a person as well.",
        _leave_templates_open,
        "tests/airflow/task/test_hidden.py::test_events_are_hidden",
    ),
    "literals behind the holder": Protection(
        "What refers to nothing, such as Airflow's literal, shows its value.",
        _set(
            "task.hidden:_is_reference",
            lambda value: hasattr(value, "resolve") and hasattr(value, "iter_references"),
        ),
        "tests/airflow/task/test_hidden.py::test_events_are_hidden",
    ),
    "hidden keys": Protection(
        "A key beside a reference may be a person's address.",
        _set("task.hidden:_hide_key", lambda key: key),
        "tests/airflow/task/test_hidden.py::test_what_stands_beside_a_reference_is_hidden",
    ),
    "expand() gives data": Protection(
        "What Airflow pulled for a mapped task is no template.",
        _render_what_was_pulled,
        "tests/airflow/test_templates.py::test_data_is_never_a_template[expand]",
    ),
    "expand_kwargs() gives data": Protection(
        "What Airflow pulled for expand_kwargs() is no template, although Airflow takes it for one.",
        _set("task.hidden:HidingOperator._unrendered", lambda self: frozenset()),
        "tests/airflow/test_templates.py::test_data_tells_no_secret[expand_kwargs]",
    ),
    "rendered once": Protection(
        "What a template gave is no template.",
        _render_again,
        "tests/airflow/task/test_hidden.py::test_a_rendered_text_is_not_rendered_again",
    ),
    "silent templates": Protection(
        "Jinja's errors quote what they could not render.",
        _quote_jinja,
        "tests/airflow/task/test_hidden.py::test_template_that_fails_tells_nothing",
    ),
    "hashing": Protection(
        "Nothing that names a person goes on but as a digest.",
        _digest_nothing,
        "tests/privacy/test_canary.py::test_a_run_leaves_nothing_behind[a lost connection]",
    ),
    "addresses in texts": Protection(
        "An e-mail address in a text that leaves as it is never leaves.",
        _set("conversions.validation.representation:holds_email", lambda text: False),
        "tests/conformance/test_cases.py",
    ),
    "addresses in letters": Protection(
        "An e-mail address in a text is masked in the dead letter.",
        _all(
            _set("conversions.tiktok.payload:mask_emails", lambda text: text),
            _set("conversions.delivery.dead_letter:mask_emails", lambda text: text),
        ),
        "tests/conversions/delivery/test_dead_letter.py::test_an_address_in_an_id_is_not_stored",
    ),
    "private letters": Protection(
        "Only their owner may read dead letters.",
        _set(
            "conversions.delivery.dead_letter:_open_private", lambda path, flags: os.open(path, flags, 0o644)
        ),
        "tests/conversions/delivery/test_dead_letter.py::test_only_the_owner_may_read_it",
    ),
    "names of events": Protection(
        "A wrong column may hold anything: only what looks like an event's name is in a receipt.",
        _set("conversions.delivery.receipt:TELLABLE_NAME", re.compile(r"(?s).*")),
        "tests/conversions/delivery/test_receipt.py::test_what_may_be_a_person_is_not_told",
    ),
    "the platform's words": Protection(
        "What looks like a value is masked in what TikTok says.",
        _all(
            _set("conversions.tiktok.return_codes:describe", lambda text, **_: text),
            _set("conversions.http.wording:describe", lambda text, **_: text),
        ),
        "tests/privacy/test_canary.py::test_a_run_leaves_nothing_behind[refusal with echo]",
    ),
    "addresses of files": Protection(
        "A path is told without key, secret and signature.",
        _all(
            _set("task.paths:shown_path", str),
            _set("conversions.sources.files:shown_path", str),
            _set("conversions.sources.paths:shown_path", str),
        ),
        "tests/conversions/sources/test_files.py::test_url_is_told_without_its_secrets",
    ),
    "addresses in receipts": Protection(
        "The receipt names the letters without what gives access to them.",
        _set("conversions.delivery.dead_letter:shown_path", str),
        "tests/privacy/test_receipts.py::test_a_receipt_names_no_credential",
    ),
    "no browser in letters": Protection(
        "A dead letter leaves out IP address, user agent and click ids unless it is asked for them.",
        _set("conversions.delivery.dead_letter:without_clear_fields", lambda record: (record, [])),
        "tests/conversions/delivery/test_dead_letter.py"
        "::test_what_tells_a_browser_or_a_click_is_kept_on_request_only[digests]",
    ),
    "sealed structs": Protection(
        "Whatever prints an object of the road shows nothing of an event.",
        _set(
            "conversions.sealed:Sealed.__repr__",
            lambda self: repr([getattr(self, name) for name in self.__struct_fields__]),
        ),
        "tests/privacy/test_reprs.py::test_a_repr_shows_nothing[events.EventResult]",
    ),
    "no token in an input": Protection(
        "A token under any usual name is refused by Airflow before it is stored.",
        _set("service.inputs:_REFUSED_FIELD", {"default": None, "type": ["null", "string"]}),
        "tests/privacy/test_receipts.py::test_airflow_refuses_a_token_before_it_stores_it",
    ),
    "revoke, not respell": Protection(
        "Who sent a token is told to revoke it, and not how its field is spelt.",
        _set("service.request:_is_credential", lambda name: False),
        "tests/airflow/service/test_request.py::test_a_token_under_any_name_is_to_be_revoked",
    ),
    "quiet wire": Protection(
        "urllib3's debug lines about our requests hold the whole address.",
        _set("conversions.http.connection:_OwnRequestsUnseen.filter", lambda self, record: True),
        "tests/conversions/http/test_connection.py::test_logs_of_a_real_exchange_show_no_query",
    ),
    "requests without values": Protection(
        "Logs and errors name a request by host and path alone.",
        _set("conversions.http.messages:_host_and_path", lambda url: url),
        "tests/privacy/test_receipts.py::test_a_request_is_named_without_its_query",
    ),
    "our own words only": Protection(
        "A webhook is told the class of a foreign error, never its text.",
        _set(
            "notifications.webhook:failure_of",
            lambda error: {"kind": type(error).__name__, "message": str(error)},
        ),
        "tests/privacy/test_receipts.py::test_a_webhook_is_told_no_foreign_words",
    ),
}
"""Name to protection."""
