"""Addresses where no webhook is: link-local ones, and those where clouds keep the credentials of their machines."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFUSED: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16",  # link-local: the metadata services of most clouds, ECS's and EKS's credentials
            "fe80::/10",
            "100.100.100.200",  # Alibaba Cloud
            "fd00:100::100:200",
            "168.63.129.16",  # Azure's host agent
            "192.0.0.192",  # Oracle Cloud
            "fd00:c1::a9fe:a9fe",
            "fd00:ec2::/32",  # AWS: metadata, and EKS's credentials
            "fd20:ce::254",  # Google Cloud
            "fd00:a9fe:a9fe::1",  # Linode
            "fd00:42::42",  # Scaleway
        ),
    )
)
# An IPv6 address in one of these holds an IPv4 address in its last 32 bits.
_WITH_IPV4_AT_THE_END: Final = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "::/96",  # IPv4-compatible
            "::ffff:0:0/96",  # IPv4-mapped
            "::ffff:0:0:0/96",  # IPv4-translated
            "64:ff9b::/96",  # NAT64 (RFC 6052)
            "64:ff9b:1::/48",  # a network's own NAT64 (RFC 8215)
        ),
    )
)
_OWN_NAT64: Final = _WITH_IPV4_AT_THE_END[-1]
_32_BITS: Final = 0xFFFFFFFF


def is_link_local_or_metadata(host: str) -> bool:
    """Return whether a host is an address that leads to this machine's link or to a cloud's metadata service.

    An IPv6 address counts for the IPv4 address that it holds. A name is none, and neither is a loopback address.

    Args:
        host: a name or an address, in any notation that a look-up takes: ``2852039166`` is 169.254.169.254.
    """
    try:
        address = ipaddress.ip_address(host if ":" in host else socket.inet_aton(host))
    except (ValueError, OSError):
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    if (mapped or address).is_unspecified:
        return True
    held = _held_ipv4(address) if isinstance(address, ipaddress.IPv6Address) else ()
    return any(each in network for each in (address, *held) for network in _REFUSED)


def _held_ipv4(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """Yield each IPv4 address that an IPv6 address may stand for."""
    bits = int(address)
    if address.sixtofour is not None:
        yield address.sixtofour
    yield from address.teredo or ()
    if any(address in network for network in _WITH_IPV4_AT_THE_END):
        yield ipaddress.IPv4Address(bits & _32_BITS)
    if address in _OWN_NAT64:
        # Where the prefix is shorter than 96 bits, the IPv4 address follows it, but for the bits 64 to 71.
        followed = bits >> 64 << 56 | bits & (1 << 56) - 1
        for prefix_length in (48, 56, 64):
            yield ipaddress.IPv4Address(followed >> (120 - 32 - prefix_length) & _32_BITS)
