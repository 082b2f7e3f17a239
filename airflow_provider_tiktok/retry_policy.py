# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A retry policy for tasks that talk to TikTok: fail at once, or wait as long as the server asked.

Retry policies exist from Airflow 3.3. On an older Airflow the class is not there, and importing it says so.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from airflow_provider_tiktok.conversions.errors import ConversionsError
from airflow_provider_tiktok.exceptions import TemporaryFailure, can_retry_help

LONGEST_WAIT_S = 86_400.0
"""However long the server asked to wait: a day, after which every limit of TikTok's is another."""


def _wait_s(asked: Any) -> float | None:
    """The wait that was asked for, at most a day; ``None`` for what is no wait."""
    if isinstance(asked, bool) or not isinstance(asked, int | float) or math.isnan(asked) or asked < 0:
        return None
    return float(min(asked, LONGEST_WAIT_S))


try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError:

    def __getattr__(name: str) -> Any:
        if name == "TikTokRetryPolicy":
            raise ImportError(
                "TikTokRetryPolicy needs Airflow 3.3 or later: leave the task's retry_policy out"
            )
        raise AttributeError(name)

else:

    class TikTokRetryPolicy(RetryPolicy):
        """Fails at once where another try cannot help, and waits as long as the server asked elsewhere.

        At most a day, whatever the server asked. It serves the operators of this package and tasks of your
        own that use its hooks. What is not this package's error falls to the task's ``retries`` and
        ``retry_delay``. No policy can try more often than ``retries`` says.
        """

        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
        ) -> RetryDecision:
            """Whether and when to try again."""
            if isinstance(exception, ConversionsError) and not can_retry_help(exception):
                return RetryDecision.fail(f"{type(exception).__name__}: another try cannot help")
            if not isinstance(exception, ConversionsError | TemporaryFailure):
                return RetryDecision.default()
            wait_s = _wait_s(getattr(exception, "retry_after_s", None))
            if wait_s is None:
                return RetryDecision.default()
            return RetryDecision.retry(timedelta(seconds=wait_s), f"the server asked to wait {wait_s:.0f} s")

        def serialize(self) -> dict[str, Any]:
            """Nothing: the policy has no settings."""
            return {}

        @classmethod
        def deserialize(cls, data: dict[str, Any]) -> TikTokRetryPolicy:
            """The policy."""
            return cls()
