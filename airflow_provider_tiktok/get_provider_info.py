# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What Airflow discovers of this package, as data: classes, integrations and connection forms.

Every component of Airflow reads this at its start, and what it cannot read stops all of Airflow. So the
module imports nothing, and a test holds it against the schemas that Airflow ships.
"""

from __future__ import annotations

from typing import Any

PACKAGE_NAME = "airflow-provider-tiktok"

_TEXT = {"type": ["string", "null"]}


def _seconds(default: int) -> dict[str, Any]:
    return {"type": ["integer", "null"], "minimum": 1, "maximum": 600, "default": default}


_TIMEOUTS: dict[str, Any] = {
    "connect_timeout": {
        "label": "Connect timeout (seconds)",
        "description": "How long one attempt may take to reach the server.",
        "schema": _seconds(10),
    },
    "read_timeout": {
        "label": "Read timeout (seconds)",
        "description": "How long one attempt may wait for its answer.",
        "schema": _seconds(30),
    },
}

_ASSET_URIS: list[dict[str, Any]] = [
    {
        "schemes": ["tiktok"],
        "handler": "airflow_provider_tiktok.assets.tiktok.sanitize_uri",
        "factory": "airflow_provider_tiktok.assets.tiktok.create_asset",
        "to_openlineage_converter": "airflow_provider_tiktok.assets.tiktok.convert_asset_to_openlineage",
    },
]

TIKTOK_CONNECTION: dict[str, Any] = {
    "connection-type": "tiktok",
    "hook-class-name": "airflow_provider_tiktok.hooks.tiktok.TikTokHook",
    "hook-name": "TikTok Events API",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "login", "port", "extra"],
        "relabeling": {"host": "Base URL", "password": "Access token"},
        "placeholders": {
            "host": "leave empty for https://business-api.tiktok.com",
            "password": "Events Manager > your pixel > Settings > Generate Access Token",
        },
    },
    "conn-fields": {
        "pixel_code": {
            "label": "Pixel code",
            "description": "Events Manager shows it below the pixel's name. For web events by default.",
            "schema": _TEXT,
        },
        "advertiser_id": {
            "label": "Advertiser id",
            "description": (
                "TikTok Ads Manager shows it in its address, as aadvid. Needed to list pixels and for a good "
                "connection test."
            ),
            "schema": _TEXT,
        },
        "demo_mode": {
            "label": "Demo mode",
            "description": "Send to a simulator inside the task's own process. Nothing reaches TikTok.",
            "schema": {"type": ["boolean", "null"], "default": False},
        },
        "test_event_code": {
            "label": "Test event code",
            "description": (
                "From the test page of Events Manager. For TikTokTestEventOperator only: what other "
                "operators send is live, whatever stands here."
            ),
            "schema": _TEXT,
        },
        "offline_event_set_id": {
            "label": "Offline event set id",
            "description": "Events Manager shows it below the set's name. For offline events by default.",
            "schema": _TEXT,
        },
        "crm_event_set_id": {
            "label": "CRM event set id",
            "description": "Events Manager shows it below the set's name. For CRM events by default.",
            "schema": _TEXT,
        },
        "tiktok_app_id": {
            "label": "TikTok app id",
            "description": "Events Manager shows it below the app's name. For app events by default.",
            "schema": _TEXT,
        },
        **_TIMEOUTS,
    },
}

LIVERAMP_CONNECTION: dict[str, Any] = {
    "connection-type": "liveramp",
    "hook-class-name": "airflow_provider_tiktok.hooks.liveramp.LiveRampHook",
    "hook-name": "LiveRamp",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "login", "port", "extra"],
        "relabeling": {"host": "Adapter URL", "password": "ATS configuration id"},
        "placeholders": {
            "host": "leave empty for https://capi.analytics.rlcdn.com",
            "password": "LiveRamp Console > ATS > Web > your configuration > Admin tab",
        },
    },
    "conn-fields": {
        "placement_id": {
            "label": "Placement id",
            "description": "Number of the ATS placement. Needed to refresh envelopes.",
            "schema": _TEXT,
        },
        "origin": {
            "label": "Origin",
            "description": (
                "A domain that LiveRamp approved for the placement, such as https://shop.example.com. Needed "
                "to refresh envelopes."
            ),
            "schema": _TEXT,
        },
        "envelope_host": {
            "label": "Envelope API URL",
            "description": "Empty: https://api.rlcdn.com.",
            "schema": _TEXT,
        },
        "atype": {
            "label": "Caller type (atype)",
            "description": "1 page, 2 ATS API, 3 server (default), 4 app; none leaves the parameter out.",
            "schema": {"type": ["string"], "enum": ["3", "1", "2", "4", "none"], "default": "3"},
        },
        # Airflow masks a field whose name holds "secret", also in the answers of its API.
        "secret_headers": {
            "label": "Extra headers (JSON)",
            "description": "Sent along with events, if LiveRamp asks you for any.",
            "schema": {"type": ["string", "null"], "format": "password"},
        },
        **_TIMEOUTS,
    },
}


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, in the shape of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": PACKAGE_NAME,
        "name": "TikTok",
        "description": "Conversions to TikTok's Events API and to LiveRamp.",
        "versions": ["0.1.0"],
        "integrations": [
            {
                "integration-name": "TikTok Events API",
                "external-doc-url": "https://business-api.tiktok.com/portal/docs",
                "how-to-guide": ["/docs/how_to/send_events.md", "/docs/how_to/pixels.md"],
                "logo": "/integration-logos/tiktok-conversions.svg",
                "tags": ["service"],
            },
            {
                "integration-name": "LiveRamp",
                "external-doc-url": "https://developers.liveramp.com",
                "how-to-guide": ["/docs/how_to/liveramp.md"],
                "logo": "/integration-logos/liveramp-envelopes.svg",
                "tags": ["service"],
            },
            {
                "integration-name": "Files of conversions",
                "external-doc-url": "https://jsonlines.org",
                "how-to-guide": ["/docs/how_to/files_and_queries.md"],
                "tags": ["software"],
            },
            {
                "integration-name": "SQL databases",
                "external-doc-url": "https://peps.python.org/pep-0249/",
                "how-to-guide": ["/docs/how_to/files_and_queries.md"],
                "tags": ["software"],
            },
            {
                "integration-name": "Python",
                "external-doc-url": "https://docs.python.org/3/",
                "how-to-guide": ["/docs/how_to/send_events.md"],
                "tags": ["software"],
            },
        ],
        "connection-types": [TIKTOK_CONNECTION, LIVERAMP_CONNECTION],
        "hooks": [
            {
                "integration-name": "TikTok Events API",
                "python-modules": ["airflow_provider_tiktok.hooks.tiktok"],
            },
            {
                "integration-name": "LiveRamp",
                "python-modules": ["airflow_provider_tiktok.hooks.liveramp"],
            },
        ],
        "operators": [
            {
                "integration-name": "TikTok Events API",
                "python-modules": [
                    "airflow_provider_tiktok.operators.tiktok",
                    "airflow_provider_tiktok.operators.pixels",
                    "airflow_provider_tiktok.operators.partitions",
                    "airflow_provider_tiktok.operators.receipts",
                ],
            },
            {
                "integration-name": "LiveRamp",
                "python-modules": ["airflow_provider_tiktok.operators.liveramp"],
            },
        ],
        "sensors": [
            {
                "integration-name": "TikTok Events API",
                "python-modules": ["airflow_provider_tiktok.sensors.tiktok"],
            },
        ],
        "triggers": [
            {
                "integration-name": "TikTok Events API",
                "python-modules": ["airflow_provider_tiktok.triggers.tiktok"],
            },
        ],
        "extra-links": ["airflow_provider_tiktok.links.tiktok.EventsManagerLink"],
        "plugins": [
            {
                "name": "tiktok_deliveries",
                "plugin-class": "airflow_provider_tiktok.plugins.tiktok.TikTokDeliveriesPlugin",
            },
        ],
        "asset-uris": _ASSET_URIS,
        "dataset-uris": _ASSET_URIS,  # Airflow 2 calls them so
        "transfers": [
            {
                "source-integration-name": "SQL databases",
                "target-integration-name": "TikTok Events API",
                "python-module": "airflow_provider_tiktok.transfers.sql_to_tiktok",
            },
            {
                "source-integration-name": "SQL databases",
                "target-integration-name": "LiveRamp",
                "python-module": "airflow_provider_tiktok.transfers.sql_to_liveramp",
            },
            {
                "source-integration-name": "Files of conversions",
                "target-integration-name": "TikTok Events API",
                "python-module": "airflow_provider_tiktok.transfers.files_to_tiktok",
            },
            {
                "source-integration-name": "Files of conversions",
                "target-integration-name": "LiveRamp",
                "python-module": "airflow_provider_tiktok.transfers.files_to_liveramp",
            },
            {
                "source-integration-name": "Files of conversions",
                "target-integration-name": "TikTok Events API",
                "python-module": "airflow_provider_tiktok.transfers.preview",
            },
            {
                "source-integration-name": "Python",
                "target-integration-name": "TikTok Events API",
                "python-module": "airflow_provider_tiktok.transfers.python_to_tiktok",
            },
            {
                "source-integration-name": "Python",
                "target-integration-name": "LiveRamp",
                "python-module": "airflow_provider_tiktok.transfers.python_to_tiktok",
            },
        ],
        "task-decorators": [
            {
                "name": "tiktok_events",
                "class-name": "airflow_provider_tiktok.decorators.tiktok.tiktok_events_task",
            },
            {
                "name": "liveramp_events",
                "class-name": "airflow_provider_tiktok.decorators.tiktok.liveramp_events_task",
            },
        ],
        "config": {
            "tiktok": {
                "description": "How the operators of this provider behave in this deployment.",
                "options": {
                    "dead_letter_folder": {
                        "description": (
                            "Folder, local or in object storage, for the events that were not accepted, "
                            "where a task names no dead_letter_path. Default: tiktok_dead_letters in "
                            "Airflow's home."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/data/tiktok_dead_letters",
                        "default": None,
                    },
                    "events_manager_url": {
                        "description": (
                            "Where the button to a pixel in Events Manager leads. pixel_code and "
                            "advertiser_id in curly brackets stand for the ids. Default: the address that "
                            "TikTok's pages showed in 2026-11; it is documented nowhere."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "https://ads.tiktok.com/i18n/events_manager",
                        "default": None,
                    },
                },
            },
        },
    }
