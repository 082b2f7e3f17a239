# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What Airflow discovers of the page "TikTok deliveries": a name in its menu, and where the page lives.

Every process of Airflow imports this, workers and the DAG processor included. So the page itself, with all
that serves it, is imported by the first request alone.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowPlugin, conf

PREFIX = "/tiktok"
NAME = "TikTok deliveries"

_AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
_HAS_PAGES = _AIRFLOW >= (3, 1)
_HAS_REACT = _AIRFLOW >= (3, 2)
"""3.1 has react_apps as well, but shows them in its own frame only on some pages: there the page is plain."""


def base_path() -> str:
    """The path that Airflow itself is served under, without a slash at its end."""
    return urlsplit(str(conf.get("api", "base_url", fallback="") or "")).path.rstrip("/")


class LazyApp:
    """An ASGI application that is made when it is first asked."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand on to the application."""
        if self._app is None:
            from airflow_provider_tiktok.plugins.page import make_app

            self._app = make_app(base=base_path())
        await self._app(scope, receive, send)


def _in_menu(**where: str) -> list[dict[str, Any]]:
    place = {"destination": "nav", "category": "browse", "url_route": "tiktok-deliveries"}
    icons = {
        "icon": f"{base_path()}{PREFIX}/static/icon.svg",
        "icon_dark_mode": f"{base_path()}{PREFIX}/static/icon_dark.svg",
    }
    return [{"name": NAME, **place, **icons, **where}]


_PAGE = [{"name": NAME, "app": LazyApp(), "url_prefix": PREFIX}] if _HAS_PAGES else []
_SCRIPT = f"{base_path()}{PREFIX}/static/deliveries.js"
_PLAIN = f"{base_path()}{PREFIX}/deliveries"


class TikTokDeliveriesPlugin(AirflowPlugin):
    """Adds "TikTok deliveries" to the menu *Browse* of Airflow 3.1 and later; earlier ones get nothing."""

    name = "tiktok_deliveries"
    fastapi_apps = _PAGE
    react_apps = _in_menu(bundle_url=_SCRIPT) if _HAS_REACT else []
    external_views = _in_menu(href=_PLAIN) if _HAS_PAGES and not _HAS_REACT else []
