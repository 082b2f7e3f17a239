# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Addresses of files as people and receipts may see them: without credentials.

An object storage's address may hold a key and its secret before the bucket, or a signature behind the path.
Whoever holds such an address may read or write, so neither is ever told.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/{1,3}")
"""Two letters and more: one is a drive. ``pathlib`` makes one slash of two."""

_QUERY = re.compile(r"\?|%3[Ff]|#(?=[^/]*=)")
_COLON = re.compile(r":|%3[Aa]")
_NAMES_NOBODY = ("http", "https", "ftp")
"""Here a lone name before the host may be a token. Elsewhere it is a connection, a container or a user."""


def shown_path(path: object) -> str:
    """The path as it may be told: of an address neither user and password nor query.

    A plain path stays as it is. Of several addresses in one, as in ``zip://a.zip::https://...``, each counts.
    """
    return "::".join(_without_credentials(address) for address in str(path).split("::"))


def credentials_of(path: object) -> set[str]:
    """What :func:`shown_path` leaves out: user, password, query and its values, also percent-decoded."""
    found: set[str] = set()
    for address in str(path).split("::"):
        shown = _without_credentials(address)
        if shown != address:
            rest = address[len(_SCHEME.match(address).group()) :]  # type: ignore[union-attr]
            place, *query = _QUERY.split(rest, maxsplit=1)
            user = place.removesuffix(shown.partition("/")[2].lstrip("/")).removesuffix("@")
            pairs = [pair for one in query for text in (one, unquote(one)) for pair in text.split("&")]
            found |= {
                *query,
                *(pair.partition("=")[2] for pair in pairs),
                user,
                *_COLON.split(user, maxsplit=1),
            }
    return {said for one in found for said in (one, unquote(one)) if said}


def _without_credentials(address: str) -> str:
    scheme = _SCHEME.match(address)
    if scheme is None:
        return address
    rest = _QUERY.split(address[scheme.end() :], maxsplit=1)[0]
    authority, slash, tail = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if at and (_COLON.search(user) or scheme.group().partition(":")[0].lower() in _NAMES_NOBODY):
        rest = f"{host}{slash}{tail}"
    elif not at and _COLON.search(authority) and "@" in tail:  # the secret itself has a slash
        rest = rest.rpartition("@")[2]
    return f"{scheme.group()}{rest}"
