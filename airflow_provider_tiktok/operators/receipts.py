# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The operator that makes one receipt of an upload whose parts were sent by mapped tasks."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.exceptions import PermanentFailure, failing_as_airflow
from airflow_provider_tiktok.notifications.webhook import telling_webhook
from airflow_provider_tiktok.operators.base import RECEIPT_KEY
from airflow_provider_tiktok.task.assets import make_outlets, report_asset
from airflow_provider_tiktok.task.contexts import complete_context
from airflow_provider_tiktok.task.hidden import AddressField, HidingOperator, reveal
from airflow_provider_tiktok.task.paths import as_path
from airflow_provider_tiktok.task.signatures import ShowsArguments

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_tiktok.conversions.delivery.whole import Whole
    from airflow_provider_tiktok.task.arguments import Rendered, TaskArguments

log = logging.getLogger(__name__)


class TikTokReceiptOperator(HidingOperator, ShowsArguments):
    """Adds up the receipts of a mapped sender, and fails unless every part of the upload is delivered.

    It runs when all parts have ended, however they ended, and reads the state and the receipt of each. A part
    that failed, was killed or skipped, or never ran is named and fails it: green means the whole, not those
    that reported. It stays red until the parts are cleared and succeed. The receipt has the form of every
    other, in XCom under ``receipt`` also where the task fails, with ``parts`` beside its counts;
    ``dead_letter_path`` is one path or pattern that leads to all letters.

    The parts themselves report no asset and need no webhook: this operator does, once for the whole.

    :param of: id of the mapped task that sends, with its task groups' names: ``send`` or ``upload.send``.
    :param max_rejected: how many events of the whole may be rejected. Give the sender a ``max_rejected`` that
        a part may reach alone.
    :param max_rejected_share: in place of it, a share of the events that were read: 0.01 for one in a
        hundred.
    :param event_source: of the sender, for the asset that is reported; ``None`` for LiveRamp.
    :param report_asset: as for the senders: whether a finished upload reports that its asset was updated.
    :param result_webhook_url: posted the receipt of the whole (templated), as by the senders.
    :param result_webhook_conn_id: connection with the webhook's address and secret (templated).
    :param result_webhook_hosts: names of the hosts that ``result_webhook_url`` may lead to besides.
    """

    template_fields: Sequence[str] = ("of", "result_webhook_url", "result_webhook_conn_id")
    ui_color = "#d7f5f3"

    of: Rendered[str]
    result_webhook_url = AddressField()
    result_webhook_conn_id: Rendered[str | None]

    def __init__(
        self,
        *,
        of: str | XComArg,
        max_rejected: int = 0,
        max_rejected_share: float | None = None,
        event_source: str | None = "web",
        report_asset: bool = True,
        result_webhook_url: str | XComArg | None = None,
        result_webhook_conn_id: str | XComArg | None = None,
        result_webhook_hosts: Collection[str] | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        given: dict[str, Any] = {"trigger_rule": "all_done", **kwargs}
        super().__init__(**given)
        self.of = of
        self.max_rejected = max_rejected
        self.max_rejected_share = max_rejected_share
        self.event_source = event_source
        self.report_asset = report_asset
        self.result_webhook_url = result_webhook_url
        self.result_webhook_conn_id = result_webhook_conn_id
        self.result_webhook_hosts = result_webhook_hosts
        if report_asset:
            outlets = make_outlets(event_source, None, is_declared=False)
            self.outlets = [*self.outlets, *(outlet for outlet in outlets if outlet not in self.outlets)]

    def execute(self, context: Context) -> dict[str, Any]:
        """The receipt of the whole."""
        context = complete_context(context, task_id=self.task_id)
        url, conn_id = reveal(self.result_webhook_url), self.result_webhook_conn_id
        with telling_webhook(context, url=url, conn_id=conn_id, hosts=self.result_webhook_hosts) as message:
            with failing_as_airflow():
                self._check_arguments()
                whole, told = self._add_up(context)
            message["receipt"] = told
            self._report(whole, told, context)
            self._check(whole)
            if not told.get("is_test"):
                report_asset(context, outlets=self.outlets, told=told)
        return told

    def _check_arguments(self) -> None:
        share: Any = self.max_rejected_share
        most: Any = self.max_rejected
        if share is not None and not (isinstance(share, int | float) and 0 <= share <= 1):
            raise ConfigurationError("Set max_rejected_share to a number from 0 to 1.")
        if isinstance(most, bool) or not isinstance(most, int) or most < 0:
            raise ConfigurationError("Set max_rejected to a whole number of at least 0.")

    def _add_up(self, context: Context) -> tuple[Whole, dict[str, Any]]:
        from airflow_provider_tiktok.conversions.delivery.whole import add_up
        from airflow_provider_tiktok.operators.mapped import expected_of, parts_of

        parts, target = parts_of(context, self.of)
        if not parts:
            raise ConfigurationError(
                f"Set of to the id of the task that sends: this run has no task {self.of!r}."
            )
        whole = add_up(parts, expected=expected_of(parts))
        return whole, {**target, **whole.as_dict()}

    def _report(self, whole: Whole, told: Mapping[str, Any], context: Context) -> None:
        """Show the receipt in the log and keep it in XCom."""
        from airflow_provider_tiktok.conversions.report import as_table

        log.info("%s", as_table(whole.receipt))
        for part in whole.incomplete:
            log.warning("Not complete: %s", part.in_words())
        _warn_of_lost_letters(whole)
        context["ti"].xcom_push(key=RECEIPT_KEY, value=dict(told))

    def _check(self, whole: Whole) -> None:
        """Fail for good where the whole is not what was promised: only its parts can be tried again."""
        faults = whole.faults(max_rejected=self.max_rejected, max_rejected_share=self.max_rejected_share)
        if faults:
            where = whole.receipt.dead_letter_path
            limit = "max_rejected" if self.max_rejected_share is None else "max_rejected_share"
            remedy = (
                "Clear the parts that are not complete, and this task runs again after them"
                if whole.incomplete
                else f"Mend the events in the dead letters, or raise {limit}"
            )
            told = [*faults, f"Dead letters: {where}." if where else ""]
            raise PermanentFailure(
                f"{remedy}: {' '.join(filter(None, told))}",
                kind="DeliveryError",
                facts={"receipt": whole.receipt.as_dict()},
            )


def _warn_of_lost_letters(whole: Whole) -> None:
    """Say which parts have their letters where this worker does not find them."""
    lost = [part for part in whole.parts if not _is_found(part.dead_letter_path)]
    if lost:
        log.warning(
            "The dead letters of %s part(s) are not found from here; they are on %s. Set "
            "AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER to a folder that all workers share or to an object storage.",
            len(lost),
            ", ".join(sorted({part.host or "another worker" for part in lost})),
        )


def _is_found(path: str | None) -> bool:
    if path is None or "://" in path:  # a store is the same from everywhere, and may need a connection
        return True
    return bool(as_path(path).exists())
