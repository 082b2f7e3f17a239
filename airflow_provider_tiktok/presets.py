# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Mappings of exports whose shape is the same in every shop: ``mapping=presets.shopify_orders()``.

Each is plain data, to be changed where yours differs, as in ``{**presets.shopify_orders(), "user.ttclid":
"Notes"}``. What else a task needs - groups, rows to keep, defaults - is in the cookbook.
"""

from __future__ import annotations

from typing import Any


def shopify_orders() -> dict[str, Any]:
    """Orders as Shopify exports them to CSV, a row for each line item; group them by ``Name``."""
    return {
        "event_time": "Paid at",
        "event_id": "Name",
        "user.email": "Email",
        "user.phone": {"column": ["Phone", "Billing Phone"], "region": "Billing Country"},
        "user.country": "Billing Country",
        "user.state": "Billing Province",
        "user.city": "Billing City",
        "user.zip_code": "Billing Zip",
        "properties.order_id": "Name",
        "properties.value": "Total",
        "properties.currency": "Currency",
        "properties.contents[].content_id": "Lineitem sku",
        "properties.contents[].content_name": "Lineitem name",
        "properties.contents[].price": "Lineitem price",
        "properties.contents[].quantity": "Lineitem quantity",
    }


def stripe_charges() -> dict[str, Any]:
    """Charges as Stripe's API gives them, in cents; currencies without cents need a task of their own."""
    return {
        "event_time": {"column": "created", "unit": "s"},
        "event_id": "id",
        "user.email": ["billing_details.email", "receipt_email"],
        "user.phone": {"column": "billing_details.phone", "region": "billing_details.address.country"},
        "user.external_id": "customer",
        "user.country": "billing_details.address.country",
        "user.zip_code": "billing_details.address.postal_code",
        "properties.order_id": "metadata.order_id",
        "properties.value": {"column": "amount", "scale": "0.01"},
        "properties.currency": "currency",
    }


def ga4_export() -> dict[str, Any]:
    """Events as Google Analytics 4 exports them to BigQuery; those unknown to TikTok are left out."""
    names = {
        "purchase": "Purchase",
        "add_to_cart": "AddToCart",
        "begin_checkout": "InitiateCheckout",
        "add_payment_info": "AddPaymentInfo",
        "add_to_wishlist": "AddToWishlist",
        "view_item": "ViewContent",
        "search": "Search",
        "sign_up": "CompleteRegistration",
        "generate_lead": "Lead",
    }
    return {
        "event": {"column": "event_name", "values": names, "otherwise": "SKIP"},
        "event_time": {"column": "event_timestamp", "unit": "us"},
        "user.external_id": ["user_id", "user_pseudo_id"],
        "page.url": "event_params[key=page_location].value.string_value",
        "page.referrer": "event_params[key=page_referrer].value.string_value",
        "properties.order_id": "ecommerce.transaction_id",
        "properties.currency": "event_params[key=currency].value.string_value",
        "properties.value": [
            f"event_params[key=value].value.{kind}_value" for kind in ("double", "float", "int")
        ],
        "properties.contents[].content_id": "items[].item_id",
        "properties.contents[].content_name": "items[].item_name",
        "properties.contents[].price": "items[].price",
        "properties.contents[].quantity": "items[].quantity",
    }


def segment_events() -> dict[str, Any]:
    """Events of the e-commerce plan as Segment and RudderStack store them; others are left out."""
    names = {
        "Order Completed": "Purchase",
        "Product Added": "AddToCart",
        "Checkout Started": "InitiateCheckout",
        "Payment Info Entered": "AddPaymentInfo",
        "Product Added to Wishlist": "AddToWishlist",
        "Product Viewed": "ViewContent",
        "Products Searched": "Search",
        "Signed Up": "CompleteRegistration",
    }
    return {
        "event": {"column": "event", "values": names, "otherwise": "SKIP"},
        "event_time": "originalTimestamp",
        "event_id": "messageId",
        "user.email": ["context.traits.email", "properties.email"],
        "user.phone": ["context.traits.phone", "properties.phone"],
        "user.external_id": "userId",
        "user.ip": "context.ip",
        "user.user_agent": "context.userAgent",
        "user.locale": "context.locale",
        "page.url": "context.page.url",
        "page.referrer": "context.page.referrer",
        "properties.order_id": "properties.order_id",
        "properties.value": ["properties.revenue", "properties.total", "properties.value"],
        "properties.currency": "properties.currency",
        "properties.search_string": "properties.query",
        "properties.contents[].content_id": "properties.products[].product_id",
        "properties.contents[].content_name": "properties.products[].name",
        "properties.contents[].price": "properties.products[].price",
        "properties.contents[].quantity": "properties.products[].quantity",
    }
