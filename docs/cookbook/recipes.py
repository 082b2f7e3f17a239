# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The recipes of the cookbook: for each export the arguments of its task, as the tests run them."""

from __future__ import annotations

from typing import Any

from airflow_provider_tiktok import presets
from airflow_provider_tiktok.mapping import SKIP, column

SHOPIFY_ORDERS: dict[str, Any] = {
    "path": "shopify_orders.csv",
    "mapping": presets.shopify_orders(),
    "group_by": "Name",
    "drop_rows": {"Financial Status": ["pending", "refunded", "voided"]},
    "defaults": {
        "event": "Purchase",
        "properties.content_type": "product",
        "page.url": "https://shop.example.com/",
    },
}

WOOCOMMERCE_ORDERS: dict[str, Any] = {
    "path": "woocommerce_orders.jsonl",
    "keep_rows": {"status": ["processing", "completed"]},
    "timezone": "UTC",
    "mapping": {
        "event_time": "date_paid_gmt",
        "event_id": "id",
        "user.email": "billing.email",
        "user.phone": column("billing.phone", region="billing.country"),
        "user.first_name": "billing.first_name",
        "user.last_name": "billing.last_name",
        "user.city": "billing.city",
        "user.zip_code": "billing.postcode",
        "user.country": "billing.country",
        "user.ip": "customer_ip_address",
        "user.user_agent": "customer_user_agent",
        "user.ttclid": "meta_data[key=ttclid].value",
        "properties.order_id": "id",
        "properties.value": "total",
        "properties.currency": "currency",
        "properties.contents[].content_id": ["line_items[].sku", "line_items[].product_id"],
        "properties.contents[].content_name": "line_items[].name",
        "properties.contents[].price": "line_items[].price",
        "properties.contents[].quantity": "line_items[].quantity",
    },
    "defaults": {
        "event": "Purchase",
        "properties.content_type": "product",
        "page.url": "https://shop.example.com/",
    },
}

STRIPE_CHARGES: dict[str, Any] = {
    "path": "stripe_charges.jsonl",
    "keep_rows": {"status": "succeeded"},
    "mapping": presets.stripe_charges(),
    "defaults": {"event": "Purchase", "page.url": "https://shop.example.com/"},
}

GA4_EXPORT: dict[str, Any] = {
    "path": "ga4_export.jsonl",
    "mapping": presets.ga4_export(),
    "defaults": {"properties.content_type": "product"},
}

SEGMENT_EVENTS: dict[str, Any] = {
    "path": "segment_events.jsonl",
    "mapping": presets.segment_events(),
    "defaults": {"properties.content_type": "product"},
}

SALESFORCE_LEADS: dict[str, Any] = {
    "path": "salesforce_leads.csv",
    "event_source": "crm",
    "keep_rows": {"LeadSource": "TikTok"},
    "mapping": {
        "event": column(
            "Status",
            values={"Working": "Lead", "Qualified": "Qualified Lead", "Converted": "Converted Lead"},
            otherwise=SKIP,
        ),
        "event_time": "CreatedDate",
        "event_id": "Id",
        "lead.lead_id": "TikTok_Lead_Id__c",
        "user.email": "Email",
        "user.phone": column("Phone", region="Country"),
    },
    "defaults": {"lead.lead_event_source": "Salesforce"},
}

APPSFLYER_EVENTS: dict[str, Any] = {
    "path": "appsflyer_events.csv",
    "event_source": "app",
    "timezone": "UTC",
    "mapping": {
        "event": column(
            "Event Name",
            values={
                "af_purchase": "Purchase",
                "af_add_to_cart": "AddToCart",
                "af_complete_registration": "Registration",
                "af_content_view": "ViewContent",
                "af_login": "Login",
                "install": SKIP,
            },
            otherwise=SKIP,
        ),
        "event_time": "Event Time",
        "user.gaid": "Advertising ID",
        "user.idfa": "IDFA",
        "user.ip": "IP",
        "user.user_agent": "User Agent",
        "app.app_id": "App ID",
        "properties.value": "Event Revenue",
        "properties.currency": "Event Revenue Currency",
    },
    "event_id_from": ["AppsFlyer ID", "Event Name", "Event Time"],
}

EXCEL_ORDERS: dict[str, Any] = {
    "path": "excel_orders.csv",
    "encoding": "cp1252",
    "csv_delimiter": ";",
    "csv_skip_rows": 1,
    "timezone": "Europe/Berlin",
    "default_region": "DE",
    "drop_rows": {"Bezahlt": "nein"},
    "mapping": {
        "event_time": column("Datum", "Uhrzeit", format="%d.%m.%Y %H:%M"),
        "event_id": "Bestellung",
        "user.email": "E-Mail",
        "user.phone": "Telefon",
        "properties.order_id": "Bestellung",
        "properties.value": column("Betrag", decimal=",", thousands=".", symbol="€"),
    },
    "defaults": {
        "event": "Purchase",
        "properties.currency": "EUR",
        "page.url": "https://shop.example.com/",
    },
}
