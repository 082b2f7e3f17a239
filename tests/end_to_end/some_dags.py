# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""An auth manager for tests: what Airflow's simple one grants, but for one DAG and one user."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

SECRET_DAG = "secret_shop"
VISITOR = "visitor"
STRANGER = "stranger"


class SomeDagsAuthManager(SimpleAuthManager):
    """The visitor may not see the secret DAG, the stranger no DAG at all."""

    def is_authorized_dag(self, *, user: Any, details: Any = None, **how: Any) -> bool:
        """As the simple auth manager says, with these exceptions."""
        if user.username == STRANGER:
            return False
        if user.username == VISITOR and details is not None and details.id == SECRET_DAG:
            return False
        return super().is_authorized_dag(user=user, details=details, **how)
