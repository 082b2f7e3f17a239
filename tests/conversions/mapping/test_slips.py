# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A run stops for a name that is mistyped almost for sure, and for no other."""

from __future__ import annotations

import pytest

from airflow_provider_tiktok.conversions.mapping.slips import is_slip


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("email", "emial"),
        ("email", "mail"),
        ("email", "eemail"),
        ("total", "totl"),
        ("order_id", "Order ID "),
        ("order_id", "orderId"),
        ("order_id", "ORDER-ID"),
        ("order_id", "oder_id"),
        ("order_id", "orderids"),
        ("currency", "currancy"),
        ("data.revenue", "data.revenu"),
        ("billing_mail", "billing_email"),
        ("bilingadress", "billingadress"),
        ("e_mail_adress", "e-mail address"),
        ("größe", "grösse"),
        ("address1", "adress1"),
        ("valeu", "value"),
        ("customer.email", "customer_email"),
    ],
)
def test_a_slip_is_known(name: str, other: str) -> None:
    """Case, blanks and separators; a letter too few, too many, swapped or mistaken in a word."""
    assert is_slip(name, of=other)
    assert is_slip(other, of=name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("ttclid", "gclid"),
        ("ttclid", "fbclid"),
        ("ttclid", "msclkid"),
        ("ttp", "fbp"),
        ("user_ip", "user_id"),
        ("address1", "address2"),
        ("email_1", "email_2"),
        ("phone", "phone2"),
        ("fname", "lname"),
        ("first_name", "last_name"),
        ("billing_city", "shipping_city"),
        ("zip", "zips"),
        ("ip", "id"),
        ("data.id", "data.ids"),
        ("data.item.z", "data.item"),
        ("data.url", "data.ulr"),
        ("value", "currency"),
        ("", "a"),
        ("a" * 200, "a" * 200),
    ],
)
def test_another_name_is_no_slip(name: str, other: str) -> None:
    """Two names that people give to two things stay two."""
    assert not is_slip(name, of=other)
    assert not is_slip(other, of=name)
