# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a run says of its identifiers, and the countries it may name."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from airflow_provider_tiktok.conversions.errors import ConfigurationError

Policy = Literal["auto", "raw", "hashed"]

_ASSIGNED: Final = """
    ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt
    bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh
    er es et fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht
    hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls
    lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni
    nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg
    sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug
    um us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
"""
COUNTRY_CODES: Final = frozenset(_ASSIGNED.split())
"""ISO 3166-1 alpha-2, officially assigned, in lower case."""


class IdentityRules(Struct, frozen=True, kw_only=True):
    """How a run reads identifiers.

    :param policy: ``auto``: a value of 64 hex digits is a digest, everything else is raw. ``raw``: a
        digest is a fault. ``hashed``: everything but a digest is a fault, where a digest is asked for.
    :param default_region: ISO 3166 alpha-2 code of the country whose phone numbers may come without a
        country code, such as ``US``; ``None``: such numbers are left out.
    :param lower_external_id: whether external ids are lower-cased before hashing, for pixels that do so.
    :raises ConfigurationError: the policy or the region is not known.
    """

    policy: Policy = "auto"
    default_region: str | None = None
    lower_external_id: bool = False

    def __post_init__(self) -> None:
        if self.policy not in ("auto", "raw", "hashed"):
            raise ConfigurationError("The identity policy must be 'auto', 'raw' or 'hashed'.")
        if self.default_region is not None and str(self.default_region).lower() not in COUNTRY_CODES:
            raise ConfigurationError(
                "default_region must be a country in two letters of ISO 3166, such as 'US' or 'GB'."
            )
