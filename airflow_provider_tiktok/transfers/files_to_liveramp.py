# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The records of files to LiveRamp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_tiktok.operators.base_liveramp import SendToLiveRampOperator
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesReader

if TYPE_CHECKING:
    from typing import Unpack

    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.task.arguments import FilesToLiveRampArguments


class FilesToLiveRampOperator(FilesReader, SendToLiveRampOperator):
    """Sends the records of files to TikTok through LiveRamp, under identity envelopes.

    Without a ``mapping`` a record may also be an event in LiveRamp's own form. A dead letter file holds no
    envelopes: join them to its events by ``event_id`` before it is sent again.
    """

    template_fields: Sequence[str] = (*SendToLiveRampOperator.template_fields, *FilesReader.file_fields)

    def __init__(self, **kwargs: Unpack[FilesToLiveRampArguments]) -> None:
        super().__init__(**kwargs)

    def open_source(self) -> Source:
        """The files' records, those in LiveRamp's form as nested ones."""
        return self.read_liveramp_records(super().open_source())
