"""What follows a header in a packet, and what becomes of a packet.

The words that the header walk's kernels and the packets stage share: a kernel's method
returns a layer to go on with or, below LAYERS, the outcome. Must not know how headers
look.
"""

from __future__ import annotations

# Outcomes; each is also the index of its count.
SEGMENT = 0
FRAGMENT = 1
UDP = 2
ARP = 3
ICMP = 4
ICMPV6 = 5
EXTENSION = 6
MALFORMED = 7
HEADER_CUT = 8
TCP_HEADER_CUT = 9
TOO_DEEP = 10
OTHER = 11  # counted by name
OUTCOMES = 12

# Layers.
LAYERS = 100
ETHERNET = 100
IPV4 = 101
IPV6 = 102
TCP = 103
UDP_HEADER = 104
GRE = 105
MPLS = 106
PPP = 107
RAW_IP = 108
ETHERIP = 109
PPPOE = 110
RARE_LINK = 111
"""A link type that _prefixed knows."""
WLAN = 112
LLC_HEADER = 113

# What the value of an OTHER packet is.
LINK_TYPE = 0
ETHERTYPE = 1
PROTOCOL = 2
PPP_PROTOCOL = 3
LLC = 4
WLAN_FRAME = 5
EXPORTED = 6

# What the value of a WLAN_FRAME is: why no packet could be read in it.
WLAN_MANAGEMENT = 0
WLAN_CONTROL = 1
WLAN_EMPTY = 2
WLAN_ENCRYPTED = 3
WLAN_FRAGMENT = 4
WLAN_AGGREGATE = 5
WLAN_DAMAGED = 6

OTHER_FAMILY = -2
"""PROTOCOL of a loopback packet whose address family is neither IPv4 nor IPv6."""
MAX_OTHERS = 64
"""Names kept; hostile traffic could name 65,536. The rest is counted under -1."""
MAX_TAGS = 16
"""VLAN tags, MPLS labels, or extension headers in a row."""
