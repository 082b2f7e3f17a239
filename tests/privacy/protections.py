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
from types import SimpleNamespace
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


def _follow_redirects(patch: Patch) -> None:
    requests = importlib.import_module("requests")
    ask = requests.Session.send
    patch.setattr(
        requests.Session,
        "send",
        lambda self, *args, **kwargs: ask(self, *args, **{**kwargs, "allow_redirects": True}),
    )


def _wait_longer(patch: Patch) -> None:
    deadline = importlib.import_module(f"{HOUSE}.conversions.http.deadline").Deadline
    begin = deadline.__init__
    # Without any end the test would have none either.
    patch.setattr(deadline, "__init__", lambda self, total_s, **given: begin(self, total_s + 2, **given))


def _keep_cookies(patch: Patch) -> None:
    cookies = importlib.import_module("http.cookiejar")
    policy = cookies.DefaultCookiePolicy
    patch.setattr(cookies, "DefaultCookiePolicy", lambda **_: policy())


def _leave_database_open(patch: Patch) -> None:
    queried = importlib.import_module(f"{HOUSE}.conversions.sources.queried_files")
    patch.setattr(queried, "_shut_in", lambda connection, **_: None)


def _sign_inputs(patch: Patch) -> None:
    tasks = importlib.import_module(f"{HOUSE}.service.tasks")
    post = tasks.post_quietly
    patch.setattr(
        tasks, "post_quietly", lambda message, **given: post(message, **{**given, "is_from_input": False})
    )


def _post_anywhere(patch: Patch) -> None:
    notifications = importlib.import_module(f"{HOUSE}.notifications.webhook")
    patch.setattr(notifications, "_choose_address", lambda url, **_: (url, None))


def _quote_functions(patch: Patch) -> None:
    produced = importlib.import_module(f"{HOUSE}.conversions.sources.produced")
    place_of = produced._place_of
    patch.setattr(produced, "_place_of", lambda error: f"{place_of(error)} {error}")


def _take_any_schema(patch: Patch) -> None:
    class Anything:
        def __eq__(self, other: object) -> bool:
            return True

        def __ne__(self, other: object) -> bool:
            return False

        __hash__ = None  # type: ignore[assignment]  # it equals everything

    _set("plugins.history:RECEIPT_SCHEMA", Anything())(patch)


def _take_any_header(patch: Patch) -> None:
    survey = importlib.import_module(f"{HOUSE}.conversions.mapping.fitting")._Survey
    always = property(lambda self: True, lambda self, is_real: None)
    patch.setattr(survey, "is_real", always, raising=False)  # it stands in the instance


def _follow_links(patch: Patch) -> None:
    letters = importlib.import_module(f"{HOUSE}.conversions.delivery.dead_letter")
    patch.setattr(letters, "stat", SimpleNamespace(S_ISREG=lambda mode: True))
    patch.setattr(letters, "_open_private", lambda path, flags: os.open(path, flags, 0o600))


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
    "addresses in others' logs": Protection(
        "File systems log addresses as they are: Airflow is told what to mask in them.",
        _set("task.paths:credentials_of", lambda path: set()),
        "tests/airflow/task/test_paths.py::test_what_storages_log_of_an_address_is_masked",
    ),
    "addresses in rendered fields": Protection(
        "Airflow stores and shows rendered fields: of an address neither user, password nor query.",
        _set("task.hidden:_without_credentials", lambda value: value),
        "tests/airflow/task/test_hidden.py::test_an_address_is_shown_without_its_credentials",
    ),
    "addresses in parts": Protection(
        "What a part says is stored as it is: an address that gives access is refused.",
        _set("operators.partitions:shown_path", str),
        "tests/airflow/operators/test_partitions.py::test_a_part_holds_no_credentials",
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
    "no proxy for loopback": Protection(
        "A proxy of the environment is not handed what stays on this machine, with its token.",
        _set("conversions.http.connection:is_this_machine", lambda host: False),
        "tests/conversions/http/test_connection.py::test_this_machine_is_reached_through_no_proxy",
    ),
    "no redirects": Protection(
        "A redirect would carry the token, or the result, to another host.",
        _follow_redirects,
        "tests/conversions/http/test_connection.py::test_redirects_are_not_followed",
    ),
    "no passwords of .netrc": Protection(
        "What stands in .netrc is not sent along.",
        _set("conversions.http.connection:_leave_as_it_is", None),
        "tests/conversions/http/test_connection.py::test_netrc_is_not_used",
    ),
    "no cookies": Protection(
        "What a server wants to be told again is not.",
        _keep_cookies,
        "tests/conversions/http/test_connection.py::test_cookies_are_not_kept",
    ),
    "a time for every exchange": Protection(
        "A receiver that drips holds no task.",
        _wait_longer,
        "tests/conversions/http/test_deadline.py::test_an_answer_that_drips_ends_with_the_total_time",
    ),
    "a bound for what comes in": Protection(
        "Heads and chunks of an answer without end are given up.",
        _set("conversions.http.connection:_MAX_HEAD_BYTES", 10**12),
        "tests/privacy/test_bounds.py::test_the_head_of_an_answer_has_an_end",
    ),
    "a bound for what unfolds": Protection(
        "A small answer that was compressed twice is given up as soon as it is too long.",
        _set("conversions.http.unfolding:_bounded", lambda pieces, max_bytes: pieces),
        "tests/conversions/http/test_connection.py::test_a_bomb_is_lost",
    ),
    "a bound for packed files": Protection(
        "A few bytes cannot ask for gigabytes.",
        _set("conversions.sources.compression:_XZ_BYTES", None),
        "tests/privacy/test_bounds.py::test_a_file_cannot_ask_for_a_dictionary_of_a_gigabyte",
    ),
    "a bound for Parquet": Protection(
        "A column that unfolds to far more than its size is not read.",
        _all(
            _set("conversions.sources.arrow_rows:_MAX_NESTED", 10**12),
            _set("conversions.sources.arrow_rows:_MAX_RATIO", 10**12),
        ),
        "tests/privacy/test_bounds.py::test_a_list_of_millions_is_not_read",
    ),
    "hosts of a webhook": Protection(
        "Whoever may start a run cannot have its result posted anywhere.",
        _post_anywhere,
        "tests/airflow/service/test_tasks.py::test_an_input_cannot_lead_away_from_the_connections_server",
    ),
    "no signature for an input": Protection(
        "The connection's secret signs nothing that goes to an address of a run's input.",
        _sign_inputs,
        "tests/airflow/service/test_tasks.py::test_webhook_gets_the_result[success]",
    ),
    "files below the folder": Protection(
        "A link does not lead a run's input to any file of a worker.",
        _set("task.paths:_resolved", lambda file, folder: file),
        "tests/airflow/task/test_paths.py::test_no_link_leads_out_of_a_folder",
    ),
    "letters into plain files": Protection(
        "Letters are not written where a planted link leads.",
        _follow_links,
        "tests/conversions/delivery/test_dead_letter.py::test_what_is_no_plain_file_is_refused[link]",
    ),
    "letters into files of letters": Protection(
        "A path that names another file by mistake leaves that file as it is.",
        _set("conversions.delivery.dead_letter:_looks_like_letter", lambda line: True),
        "tests/conversions/delivery/test_dead_letter.py::test_a_file_of_something_else_is_left_as_it_is",
    ),
    "a query over its files alone": Protection(
        "A query over files reaches no other file, no address and no extension.",
        _leave_database_open,
        "tests/conversions/sources/test_queried_files.py::test_refused",
    ),
    "DuckDB's words": Protection(
        "What DuckDB says of a value that does not fit quotes it.",
        _set("conversions.sources.queried_files:_facts_of", lambda error: {"exception_type": str(error)}),
        "tests/privacy/test_canary.py::test_a_run_leaves_nothing_behind[tables, success]",
    ),
    "a function's words": Protection(
        "What a function of the DAG raises may quote a row.",
        _quote_functions,
        "tests/airflow/transfers/test_python.py::test_function_that_fails_midway",
    ),
    "the page shows receipts alone": Protection(
        "Whoever may write XCom cannot have the page show it.",
        _take_any_schema,
        "tests/airflow/plugins/test_deliveries.py::test_what_is_no_receipt_is_not_shown",
    ),
    "the page escapes": Protection(
        "A text in a receipt is no markup.",
        _set("plugins.plain:escape", str),
        "tests/airflow/plugins/test_deliveries.py::test_the_plain_page_escapes_what_it_shows",
    ),
    "columns by number": Protection(
        "A header that is data is not quoted: its columns are named by number.",
        _take_any_header,
        "tests/conversions/mapping/test_fitting.py::test_a_header_that_is_data_is_not_shown",
    ),
    "consent": Protection(
        "Where consent is required, an event without it is neither sent nor stored.",
        _set("conversions.delivery.engine:Options.require_consent", False),
        "tests/conversions/delivery/test_engine.py::test_without_consent_nothing_is_sent_or_stored",
    ),
    "headers under a name that Airflow masks": Protection(
        "The headers for LiveRamp are a secret, and Airflow knows secrets by the names of their fields.",
        _set("hooks.liveramp:HEADERS_FIELD", "partner_headers"),
        "tests/airflow/hooks/test_liveramp.py::test_airflow_masks_the_headers_by_their_field_s_name",
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
