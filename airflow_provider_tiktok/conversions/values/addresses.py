# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Addresses of people on the internet, from what servers and proxies write in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from airflow_provider_tiktok.conversions.values.refusals import refusal

# Addresses kept for examples: they belong to nobody, and tests and demonstrations send them.
_DOCUMENTATION_NETWORKS: Final = tuple(
    ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)

_LONGEST_CHAIN: Final = 1000
_BETWEEN: Final = re.compile(r",|(?<=[0-9A-Fa-f:\]\"'])\s+(?=[0-9A-Fa-f:\[\"'])")
_LIST: Final = re.compile(r"\s*[\[({]\s*[\"']")
_WITH_PORT: Final = re.compile(r"\[([0-9A-Fa-f:.]+)(?:%[\w.-]+)?\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
_WITH_ZONE: Final = re.compile(r"([0-9A-Fa-f:.]+)%[\w.-]+")
_WHOLE_MASK: Final = re.compile(r"([0-9.]+)/32|([0-9A-Fa-f:.]+)/128")


def public_address(text: str) -> str:
    """The first public address of a text that holds one, or a chain of them as proxies write it.

    Ports, brackets, interfaces and whole masks are taken off, and the IPv4 address that a server of both
    protocols writes as ``::ffff:203.0.113.7`` is given as what it is: pixels see that one.

    :raises EventError: ``not_an_ip`` where there is no address, ``ip_not_public`` where none is a person's.
    """
    addresses = list(_addresses_of(text[:_LONGEST_CHAIN]))
    public = next((shown for shown, address in addresses if is_public(address)), None)
    if public is None:
        raise refusal("ip_not_public" if addresses else "not_an_ip")
    return public


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address can be a person's, or is one kept for examples."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    is_example = any(address in network for network in _DOCUMENTATION_NETWORKS)
    return is_example or (address.is_global and not address.is_multicast)


def _addresses_of(text: str) -> Iterator[tuple[str, IPv4Address | IPv6Address]]:
    """Every address of a chain, with its spelling."""
    for part in _BETWEEN.split(text.strip("[](){} ") if _LIST.match(text) else text):
        bare = _bare(part)
        try:
            address = ip_address(bare)
        except ValueError:
            continue
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
            bare = str(address)
        yield bare, address


def _bare(part: str) -> str:
    """One part of a chain without what may stand around its address; RFC 7239 writes ``for="[…]:port"``."""
    pairs = [one.strip() for one in part.split(";")]
    bare = next((one[4:] for one in pairs if one[:4].lower() == "for="), pairs[0]).strip("\"' ")
    for pattern in (_WITH_PORT, _WITH_ZONE, _WHOLE_MASK):
        match = pattern.fullmatch(bare)
        if match is not None:
            bare = match[match.lastindex or 0]
    return bare
