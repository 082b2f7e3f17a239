# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Airflow's XCom with a store that can be away, as one on object storage is now and then."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airflow.sdk.bases.xcom import BaseXCom


class FailingXCom(BaseXCom):
    """Keeps everything, but for what it was told to refuse: each once."""

    @staticmethod
    def serialize_value(value: Any, *, key: str | None = None, dag_id: str | None = None, **told: Any) -> str:
        """The value to keep.

        :raises OSError: ``refuse_once`` named it.
        """
        refusal = _refusal(Path(os.environ["AIRFLOW_HOME"]), dag_id=dag_id, key=key)
        if refusal.exists():
            refusal.unlink()
            raise OSError("the XCom store is away")
        kept: str = BaseXCom.serialize_value(value, key=key, dag_id=dag_id, **told)
        return kept


def refuse_once(home: Path, *, dag_id: str, keys: tuple[str, ...]) -> None:
    """Have the next value under each of these keys refused.

    :param home: of the Airflow.
    """
    for key in keys:
        _refusal(home, dag_id=dag_id, key=key).touch()


def _refusal(home: Path, *, dag_id: str | None, key: str | None) -> Path:
    return home / f"refuse_xcom.{dag_id}.{key}"
