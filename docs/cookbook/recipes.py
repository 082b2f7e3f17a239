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

SQUARE_PAYMENTS: dict[str, Any] = {
    "path": "square_payments.jsonl",
    "keep_rows": {"status": "COMPLETED"},
    "mapping": {
        "event_time": "created_at",
        "event_id": "id",
        "user.email": "buyer_email_address",
        "user.external_id": "customer_id",
        "user.country": "billing_address.country",
        "user.zip_code": "billing_address.postal_code",
        "properties.order_id": "order_id",
        "properties.value": column("amount_money.amount", scale="0.01"),
        "properties.currency": "amount_money.currency",
    },
    "defaults": {"event": "Purchase", "page.url": "https://shop.example.com/"},
}

_ECOMMERCE = "com_snowplowanalytics_snowplow_ecommerce"

SNOWPLOW_EVENTS: dict[str, Any] = {
    "path": "snowplow_events.jsonl",
    "timezone": "UTC",
    "mapping": {
        "event": column(
            f"unstruct_event_{_ECOMMERCE}_snowplow_ecommerce_action_1.type",
            values={
                "product_view": "ViewContent",
                "add_to_cart": "AddToCart",
                "checkout_step": "InitiateCheckout",
                "transaction": "Purchase",
            },
            otherwise=SKIP,
        ),
        "event_time": "derived_tstamp",
        "event_id": "event_id",
        "user.email": f"contexts_{_ECOMMERCE}_user_1.0.email",
        "user.external_id": ["user_id", f"contexts_{_ECOMMERCE}_user_1.0.id", "domain_userid"],
        "user.ip": "user_ipaddress",
        "user.user_agent": "useragent",
        "user.locale": "br_lang",
        "page.url": "page_url",
        "page.referrer": "page_referrer",
        "properties.order_id": f"contexts_{_ECOMMERCE}_transaction_1.0.transaction_id",
        "properties.value": f"contexts_{_ECOMMERCE}_transaction_1.0.revenue",
        "properties.currency": f"contexts_{_ECOMMERCE}_product_1.0.currency",
        "properties.contents[].content_id": f"contexts_{_ECOMMERCE}_product_1[].id",
        "properties.contents[].content_name": f"contexts_{_ECOMMERCE}_product_1[].name",
        "properties.contents[].price": f"contexts_{_ECOMMERCE}_product_1[].price",
        "properties.contents[].quantity": f"contexts_{_ECOMMERCE}_product_1[].quantity",
    },
    "defaults": {"properties.content_type": "product"},
}

REVENUECAT_EVENTS: dict[str, Any] = {
    "path": "revenuecat_events.jsonl",
    "event_source": "app",
    "keep_rows": {"event.environment": "PRODUCTION"},
    "mapping": {
        "event": column(
            "event.type",
            values={"INITIAL_PURCHASE": "Subscribe", "NON_RENEWING_PURCHASE": "Purchase"},
            otherwise=SKIP,
        ),
        "event_time": column("event.event_timestamp_ms", unit="ms"),
        "event_id": "event.id",
        "user.email": "event.subscriber_attributes.$email.value",
        "user.ip": "event.subscriber_attributes.$ip.value",
        "user.idfa": "event.subscriber_attributes.$idfa.value",
        "user.gaid": "event.subscriber_attributes.$gpsAdId.value",
        "user.country": "event.country_code",
        "properties.order_id": "event.transaction_id",
        "properties.value": "event.price_in_purchased_currency",
        "properties.currency": "event.currency",
    },
    "defaults": {"app.app_id": "com.example.game"},
}

FACEBOOK_LEADS: dict[str, Any] = {
    "path": "facebook_leads.jsonl",
    "drop_rows": {"is_organic": True},
    "mapping": {
        "event_time": "created_time",
        "event_id": "id",
        "user.email": "field_data[name=email].values",
        "user.phone": "field_data[name=phone_number].values",
        "user.zip_code": "field_data[name=zip_code].values.0",
    },
    "defaults": {"event": "Lead", "page.url": "https://shop.example.com/"},
}

FACEBOOK_LEADS_CSV: dict[str, Any] = {
    "path": "facebook_leads.csv",
    "encoding": "utf-16",
    "csv_delimiter": "\t",
    "drop_rows": {"is_organic": True},
    "mapping": {
        "event_time": "created_time",
        "event_id": "id",
        "user.email": "email",
        "user.phone": "phone_number",
    },
    "defaults": {"event": "Lead", "page.url": "https://shop.example.com/"},
}

ONLINE_RETAIL: dict[str, Any] = {
    "path": "online_retail.csv",
    "event_source": "offline",
    "timezone": "Europe/London",
    "sql": "SELECT * FROM files WHERE InvoiceNo NOT LIKE 'C%' AND CustomerID <> ''",
    "group_by": "InvoiceNo",
    "mapping": {
        "event_time": column("InvoiceDate", format="%m/%d/%Y %H:%M"),
        "event_id": "InvoiceNo",
        "user.external_id": "CustomerID",
        "user.country": column("Country", values={"United Kingdom": "GB", "France": "FR"}),
        "properties.order_id": "InvoiceNo",
        "properties.contents[].content_id": "StockCode",
        "properties.contents[].content_name": "Description",
        "properties.contents[].price": "UnitPrice",
        "properties.contents[].quantity": "Quantity",
    },
    "defaults": {
        "event": "Purchase",
        "properties.currency": "GBP",
        "properties.content_type": "product",
    },
}
