# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The first records of files beside the events that they become."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_tiktok.exceptions import PermanentFailure, failing_as_airflow
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tiktok.task.arguments import FilesToTikTokArguments

log = logging.getLogger(__name__)


class TikTokPreviewOperator(FilesToTikTokOperator):
    """Shows in its log what becomes of the first records of files, and sends nothing.

    It takes the arguments of ``FilesToTikTokOperator``, so that one becomes the other by its name alone. No
    connection is asked. Values are shown as shapes (``aaaaaa@aaaaaaa.aaa``), identifiers as the beginning of
    their digests. The result has the counts, the findings and what is missing, and no value.

    :param max_rows: how many records to look at.
    :param must_be_ready: whether the task fails where one of these events could not be sent.
    """

    template_fields: Sequence[str] = FilesToTikTokOperator.template_fields

    def __init__(
        self, *, max_rows: int = 10, must_be_ready: bool = False, **kwargs: Unpack[FilesToTikTokArguments]
    ) -> None:
        kwargs.setdefault("report_asset", False)
        super().__init__(**kwargs)
        self.max_rows = max_rows
        self.must_be_ready = must_be_ready

    def execute(self, context: Context) -> dict[str, Any]:
        """The counts, and what is missing."""
        with failing_as_airflow():
            from airflow_provider_tiktok.conversions.preview import as_text, preview

            shown = preview(
                self.open_source(),
                mapping=self._event_mapping(),
                rules=self._validation_rules(),
                identity=self.identity_rules(),
                require_consent=self.require_consent,
                max_rows=self.max_rows,
            )
        log.info("%s", as_text(shown))
        if self.must_be_ready and not shown.can_be_sent:
            raise PermanentFailure("Not every event is ready to be sent: see the preview in the log.")
        return shown.as_dict()
