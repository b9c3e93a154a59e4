#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small MaxMind DB file, as the country databases are that operators bring: country_database.py LIST OUT [--flat] [--v4]

LIST has lines "NETWORK CODE", of IPv4 and IPv6, and # comments; the longest network counts. --flat: the country is a text beside
others, as in IPinfo's, not a map. --v4: the file has IPv4 alone. Written after "MaxMind DB File Format Specification", version 2.0."""
import argparse
import ipaddress
import pathlib
import struct

IPV4_AT = 96  # in an IPv6 tree IPv4 has its place under ::/96
MARKER = b"\xab\xcd\xefMaxMind.com"


def text(value):
    body = value.encode()
    assert len(body) < 29
    return bytes([0x40 | len(body)]) + body


def number(kind, value):
    body = value.to_bytes(8, "big").lstrip(b"\0")
    return (bytes([kind << 5 | len(body)]) if kind < 8 else bytes([len(body), kind - 7])) + body


def table(items):
    return bytes([0xe0 | len(items)]) + b"".join(text(key) + value for key, value in items.items())


def build(networks, flat=False, version=6, kind="Footfall-Test-Country", built_at=1764000000):
    """The file's bytes. networks: [(network, code)]; a code of "" is a place without a country."""
    data, places = b"", {}
    for code in sorted({code for _, code in networks}):
        places[code] = len(data)
        country = {} if not code else {"country": text(code)} if flat else {"country": table({"iso_code": text(code), "geoname_id": number(6, 1)})}
        data += table({"continent": table({"code": text("XX")}), **country})
    nodes = [[None, None]]  # a side: None, a node's number, or (code,)
    for network, code in sorted(networks, key=lambda pair: ipaddress.ip_network(pair[0]).prefixlen):
        network = ipaddress.ip_network(network)
        bits = f"{int(network.network_address):0{network.max_prefixlen}b}"[:network.prefixlen]
        if version == 6 and network.version == 4:
            bits = "0" * IPV4_AT + bits
        assert bits, "a network of everything is not needed here"
        at = 0
        for i, bit in enumerate(map(int, bits)):
            if i == len(bits) - 1:
                nodes[at][bit] = (code,)
                break
            below = nodes[at][bit]
            if not isinstance(below, int):
                nodes.append([below, below])
                nodes[at][bit] = below = len(nodes) - 1
            at = below
    record = lambda side: len(nodes) if side is None else side if isinstance(side, int) else len(nodes) + 16 + places[side[0]]
    tree = b"".join(struct.pack(">I", record(side))[1:] for node in nodes for side in node)
    metadata = table({"binary_format_major_version": number(5, 2), "binary_format_minor_version": number(5, 0), "build_epoch": number(9, built_at),
                      "database_type": text(kind), "description": table({"en": text("made by a test")}), "ip_version": number(5, version),
                      "languages": b"\x01\x04" + text("en"), "node_count": number(6, len(nodes)), "record_size": number(5, 24)})
    return tree + bytes(16) + data + MARKER + metadata


def read_list(lines):
    return [tuple((line.split() + [""])[:2]) for line in lines if line.strip() and not line.startswith("#")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--flat", action="store_true")
    parser.add_argument("--v4", action="store_true")
    options = parser.parse_args()
    networks = read_list(options.list.read_text().splitlines())
    if options.v4:
        networks = [(network, code) for network, code in networks if ":" not in network]
    options.out.write_bytes(build(networks, options.flat, 4 if options.v4 else 6))
