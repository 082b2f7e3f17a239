# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The rows of a query to LiveRamp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_tiktok.operators.base_liveramp import SendToLiveRampOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import QueryReader

if TYPE_CHECKING:
    from typing import Unpack

    from airflow_provider_tiktok.task.arguments import SqlToLiveRampArguments


class SqlToLiveRampOperator(QueryReader, SendToLiveRampOperator):
    """Sends the rows of a query to TikTok through LiveRamp, under identity envelopes.

    Let the query order its rows by session and time, so that requests are as few as sessions allow. In parts,
    cut it by the session's id (``SplitQueryOperator(key="session_id")``), so that no session stands in two.
    """

    template_fields: Sequence[str] = (
        *SendToLiveRampOperator.template_fields,
        *QueryReader.query_fields,
    )

    def __init__(self, **kwargs: Unpack[SqlToLiveRampArguments]) -> None:
        super().__init__(**kwargs)
