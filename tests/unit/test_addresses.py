"""Addresses where no webhook is, in whatever notation."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrule.core.addresses import is_link_local_or_metadata

METADATA = "169.254.169.254"


def in_ipv6(prefix: str, address: str) -> str:
    """Return an IPv4 address in the last 32 bits below a prefix."""
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(ipaddress.IPv4Address(address))))


@pytest.mark.parametrize(
    "host",
    [
        pytest.param(METADATA, id="dotted"),
        pytest.param("2852039166", id="decimal"),
        pytest.param("0xa9fea9fe", id="hexadecimal"),
        pytest.param("0251.0376.0251.0376", id="octal"),
        pytest.param("169.254.170.2", id="ecs"),
        pytest.param("169.254.170.23", id="eks"),
        pytest.param("100.100.100.200", id="alibaba"),
        pytest.param("fd00:100::100:200", id="alibaba-v6"),
        pytest.param("168.63.129.16", id="azure"),
        pytest.param("192.0.0.192", id="oracle"),
        pytest.param("fd00:c1::a9fe:a9fe", id="oracle-v6"),
        pytest.param("fd00:ec2::254", id="aws-v6"),
        pytest.param("fd00:0ec2:0:0:0:0:0:0254", id="aws-v6-in-full"),
        pytest.param("fd00:ec2::23", id="eks-v6"),
        pytest.param("fd20:ce::254", id="google-v6"),
        pytest.param("fd00:a9fe:a9fe::1", id="linode-v6"),
        pytest.param("fd00:42::42", id="scaleway-v6"),
        pytest.param("fe80::1", id="link-local"),
        pytest.param("fe80::1%eth0", id="link-local-with-zone"),
        pytest.param("febf:ffff::1", id="end-of-link-local"),
        pytest.param("0.0.0.0", id="unspecified"),  # noqa: S104 - refused
        pytest.param("::", id="unspecified-v6"),
        pytest.param("::ffff:0.0.0.0", id="unspecified-mapped"),
        pytest.param(f"::{METADATA}", id="compatible"),
        pytest.param("::a9fe:a9fe", id="compatible-in-hex"),
        pytest.param(f"::ffff:{METADATA}", id="mapped"),
        pytest.param(f"::ffff:0:{METADATA}", id="translated"),
        pytest.param(f"64:ff9b::{METADATA}", id="nat64"),
        pytest.param("64:ff9b::6464:64c8", id="nat64-alibaba"),
        pytest.param(f"64:ff9b:1::{METADATA}", id="own-nat64-96"),
        pytest.param(f"64:ff9b:1:7:8:9:{METADATA}", id="own-nat64-96-in-the-middle"),
        pytest.param("64:ff9b:1:a9fe:a9:fe00::", id="own-nat64-48"),
        pytest.param("64:ff9b:1:77a9:fe:a9fe::", id="own-nat64-56"),
        pytest.param("64:ff9b:1:7777:a9:fea9:fe00:0", id="own-nat64-64"),
        pytest.param("2002:a9fe:a9fe::", id="6to4"),
        pytest.param("2002:a9fe:a9fe:1:2:3:4:5", id="6to4-with-a-host"),
        pytest.param("2001:0:a9fe:a9fe::1", id="teredo-server"),
        pytest.param("2001:0:102:304:0:0:5601:5601", id="teredo-client"),
    ],
)
def test_it_is_refused(host: str) -> None:
    """Link-local and metadata addresses are known in each form that leads to them."""
    assert is_link_local_or_metadata(host)


@pytest.mark.parametrize(
    "host",
    [
        *("hooks.example.com", "localhost", "169.254.169.254.nip.io", "", "::g", "[::1]"),
        *("127.0.0.1", "127.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "192.168.1.1", "203.0.113.7", "169.253.255.255"),
        *("100.100.100.201", "192.0.0.191", "fd00:ec3::254", "fd12::1", "2001:db8::a9fe:a9fe", "fec0::1"),
        *("64:ff9b::203.0.113.7", "64:ff9b:1::203.0.113.7", "64:ff9b:1:cb00:71:700::", "64:ff9b:2::a9fe:a9fe"),
        *("2002:cb00:7107::1", "2001:0:102:304:0:0:34ff:8ef8", "::203.0.113.7"),
    ],
)
def test_it_is_not(host: str) -> None:
    """Names, loopback, private and public addresses, and those that only look alike, are none of them."""
    assert not is_link_local_or_metadata(host)


@given(
    st.sampled_from(["::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "64:ff9b:1:1:2:3::"]),
    st.ip_addresses(v=4).map(str),
)
def test_an_address_that_is_held_counts_as_itself(prefix: str, address: str) -> None:
    """Whatever form an address has, it is refused whenever the IPv4 address itself is."""
    if is_link_local_or_metadata(address) and address != "0.0.0.0":  # noqa: S104 - refused
        assert is_link_local_or_metadata(in_ipv6(prefix, address))


@given(st.ip_addresses(network="169.254.0.0/16").map(str), st.integers(0, 0xFFFF))
def test_all_of_link_local_is_refused_in_every_form(address: str, number: int) -> None:
    """No part of the range gets through in any form."""
    high, low = divmod(int(ipaddress.IPv4Address(address)), 0x10000)
    forms = [f"2002:{high:x}:{low:x}:{number:x}::1", f"2001:0:1:{number:x}:0:0:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}"]
    forms += [in_ipv6(prefix, address) for prefix in ("::", "::ffff:0:0", "64:ff9b::", f"64:ff9b:1:{number:x}::")]

    assert [] == [form for form in forms if not is_link_local_or_metadata(form)]


@given(st.text(max_size=20) | st.ip_addresses().map(str))
def test_any_text_has_an_answer(host: str) -> None:
    """Whatever stands in a URL, nothing is raised."""
    assert is_link_local_or_metadata(host) in {True, False}
