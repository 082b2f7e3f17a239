# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_tiktok import retry_policy as retries
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    DeliveryError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.exceptions import as_airflow_failure

sdk = pytest.importorskip("airflow.sdk", reason="retry policies are of Airflow 3.3 and later")
if not hasattr(sdk, "RetryPolicy"):

    def test_old_airflow_is_told():
        """Importing the policy where there is none says what to do."""
        with pytest.raises(ImportError, match=r"needs Airflow 3\.3"):
            retries.TikTokRetryPolicy  # noqa: B018 - looking it up is the case

else:
    DECISIONS = [
        (ConfigurationError("no such column"), "fail", None),
        (AuthorizationError("refused"), "fail", None),
        (DeliveryError("too many", receipt={"rejected": 1}), "fail", None),
        (TransientError("busy", retry_after_s=90), "retry", timedelta(seconds=90)),
        (as_airflow_failure(TransientError("busy", retry_after_s=90)), "retry", timedelta(seconds=90)),
        (TransientError("busy", retry_after_s=999_999_999), "retry", timedelta(days=1)),
        (as_airflow_failure(TransientError("busy", retry_after_s=1e300)), "retry", timedelta(days=1)),
        (TransientError("busy", retry_after_s=float("inf")), "retry", timedelta(days=1)),
        (TransientError("busy", retry_after_s=0), "retry", timedelta(0)),
        (TransientError("busy", retry_after_s=float("nan")), "default", None),
        (TransientError("busy", retry_after_s=-1), "default", None),
        (TransientError("busy"), "default", None),
        (UnconfirmedError("lost"), "default", None),
        (as_airflow_failure(UnconfirmedError("lost")), "default", None),
        (ValueError("not ours"), "default", None),
    ]

    @pytest.mark.parametrize(("error", "action", "delay"), DECISIONS, ids=lambda case: repr(case))
    def test_decision(error: BaseException, action: str, delay: timedelta | None):
        """What cannot be helped fails now; what can waits as long as the server asked."""
        decision = retries.TikTokRetryPolicy().evaluate(error, 1, 3)
        assert (decision.action.value, decision.retry_delay) == (action, delay)

    def test_policy_survives_the_dag_store():
        """Airflow stores a DAG's policies as JSON and makes them anew."""
        policy = retries.TikTokRetryPolicy
        assert isinstance(policy.deserialize(policy().serialize()), policy)
