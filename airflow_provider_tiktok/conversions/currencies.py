# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The currencies that TikTok lists, by whichever way an event goes there.

Source: TikTok, Events API 2.0, "Report events" (v1.3), read 2026-11.
"""

from __future__ import annotations

from typing import Final

_LISTED_CURRENCIES: Final = """
    AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS
    INR ISK JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR
    SEK SGD THB TRY TWD UAH USD VES VND ZAR
"""
CURRENCIES: Final = frozenset(_LISTED_CURRENCIES.split())
"""The 62 currencies that TikTok lists."""
