# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a run says of its identifiers, and the countries it and its rows may name."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from airflow_provider_tiktok.conversions.errors import ConfigurationError

Policy = Literal["auto", "raw", "hashed"]

_ASSIGNED: Final = """
    adand aeare afafg agatg aiaia alalb amarm aoago aqata ararg asasm ataut auaus awabw axala azaze
    babih bbbrb bdbgd bebel bfbfa bgbgr bhbhr bibdi bjben blblm bmbmu bnbrn bobol bqbes brbra bsbhs
    btbtn bvbvt bwbwa byblr bzblz cacan cccck cdcod cfcaf cgcog chche ciciv ckcok clchl cmcmr cnchn
    cocol crcri cucub cvcpv cwcuw cxcxr cycyp czcze dedeu djdji dkdnk dmdma dodom dzdza ececu eeest
    egegy ehesh ereri esesp eteth fifin fjfji fkflk fmfsm fofro frfra gagab gbgbr gdgrd gegeo gfguf
    ggggy ghgha gigib glgrl gmgmb gngin gpglp gqgnq grgrc gssgs gtgtm gugum gwgnb gyguy hkhkg hmhmd
    hnhnd hrhrv hthti huhun ididn ieirl ilisr imimn inind ioiot iqirq irirn isisl itita jejey jmjam
    jojor jpjpn keken kgkgz khkhm kikir kmcom knkna kpprk krkor kwkwt kycym kzkaz lalao lblbn lclca
    lilie lklka lrlbr lslso ltltu lulux lvlva lylby mamar mcmco mdmda memne mfmaf mgmdg mhmhl mkmkd
    mlmli mmmmr mnmng momac mpmnp mqmtq mrmrt msmsr mtmlt mumus mvmdv mwmwi mxmex mymys mzmoz nanam
    ncncl nener nfnfk ngnga ninic nlnld nonor npnpl nrnru nuniu nznzl omomn papan peper pfpyf pgpng
    phphl pkpak plpol pmspm pnpcn prpri pspse ptprt pwplw pypry qaqat rereu rorou rssrb rurus rwrwa
    sasau sbslb scsyc sdsdn seswe sgsgp shshn sisvn sjsjm sksvk slsle smsmr snsen sosom srsur ssssd
    ststp svslv sxsxm sysyr szswz tctca tdtcd tfatf tgtgo ththa tjtjk tktkl tltls tmtkm tntun toton
    trtur tttto tvtuv twtwn tztza uaukr uguga umumi ususa uyury uzuzb vavat vcvct veven vgvgb vivir
    vnvnm vuvut wfwlf wswsm yeyem ytmyt zazaf zmzmb zwzwe
"""
_ALPHA_3: Final = {word[2:]: word[:2] for word in _ASSIGNED.split()}

COUNTRY_CODES: Final = frozenset(_ALPHA_3.values())
"""ISO 3166-1 alpha-2, officially assigned, in lower case."""

_OTHER_CODES: Final = {"uk": "gb", "el": "gr"}
"""Codes that ISO 3166 keeps free for those who write the United Kingdom and Greece so."""

UNKNOWN_REGION: Final = "ZZ"
"""The region of a row whose country is not known, by ISO's code for no country."""


class IdentityRules(Struct, frozen=True, kw_only=True):
    """How a run reads identifiers.

    :param policy: ``auto``: a value of 64 hex digits is a digest, everything else is raw. ``raw``: a
        digest is a fault. ``hashed``: everything but a digest is a fault, where a digest is asked for.
    :param default_region: ISO 3166 alpha-2 code of the country whose phone numbers may come without a
        country code, such as ``US``; ``None``: such numbers are left out. A row's own country comes first.
    :param lower_external_id: whether external ids are lower-cased before hashing, for pixels that do so.
    :raises ConfigurationError: the policy or the region is not known.
    """

    policy: Policy = "auto"
    default_region: str | None = None
    lower_external_id: bool = False

    def __post_init__(self) -> None:
        if self.policy not in ("auto", "raw", "hashed"):
            raise ConfigurationError("Set the identity policy to 'auto', 'raw' or 'hashed'.")
        region = self.default_region
        if region not in (None, UNKNOWN_REGION) and str(region).lower() not in COUNTRY_CODES:
            raise ConfigurationError(
                "Set default_region to a country in two letters of ISO 3166, such as 'US' or 'GB'."
            )

    @property
    def phone_region(self) -> str | None:
        """The region to read telephone numbers by, in capitals; ``None`` for none."""
        return self.default_region and self.default_region.upper()

    def of_row(self, country: str | None) -> IdentityRules:
        """The rules for a row that names its country: its telephone numbers are never read by the default.

        :param country: a code of two or three letters of ISO 3166; anything else gives ``UNKNOWN_REGION``,
            since names are not translated. ``None`` and blank leave the default.
        """
        if not (country or "").strip():
            return self
        code = country_code_of(country or "")
        return _with_region(self, code.upper() if code else UNKNOWN_REGION)


def country_code_of(text: str) -> str | None:
    """The code of two small letters, from one of two or three letters; ``None`` for any other text."""
    code = text.strip().lower()
    code = _ALPHA_3.get(code) or _OTHER_CODES.get(code, code)
    return code if code in COUNTRY_CODES else None


@lru_cache(maxsize=1024)
def _with_region(rules: IdentityRules, region: str) -> IdentityRules:
    return replace(rules, default_region=region)
