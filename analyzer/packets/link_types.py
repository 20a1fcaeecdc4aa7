"""Link types by name, and what helps with those that are not read.

From the list of tcpdump.org/linktypes.html. Used by packets.decode for findings.
"""

from __future__ import annotations

_NAMES = {
    0: "BSD loopback",
    1: "Ethernet",
    3: "AX.25",
    6: "Token Ring",
    7: "ARCNET",
    8: "SLIP",
    9: "PPP",
    10: "FDDI",
    11: "ATM with LLC",
    12: "raw IP",
    14: "raw IP",
    50: "PPP in HDLC framing",
    51: "PPPoE",
    99: "Symantec firewall",
    100: "ATM with LLC",
    101: "raw IP",
    104: "Cisco HDLC",
    105: "IEEE 802.11",
    107: "Frame Relay",
    108: "OpenBSD loopback",
    109: "OpenBSD ENC",
    113: "Linux cooked",
    114: "LocalTalk",
    117: "PFLOG",
    119: "Prism and 802.11",
    122: "IP over Fibre Channel",
    123: "SunATM",
    127: "radiotap and 802.11",
    129: "ARCNET of Linux",
    138: "IP over IEEE 1394",
    139: "MTP2 with a pseudo-header",
    140: "MTP2",
    141: "MTP3",
    142: "SCCP",
    143: "DOCSIS",
    144: "IrDA",
    163: "AVS and 802.11",
    165: "BACnet MS/TP",
    166: "PPP of pppd",
    169: "GPRS LLC",
    177: "LAPD of Linux",
    182: "Multi-Link Frame Relay",
    187: "Bluetooth HCI",
    189: "USB of Linux",
    192: "PPI",
    195: "IEEE 802.15.4",
    197: "ERF",
    201: "Bluetooth HCI with a pseudo-header",
    204: "PPP with a direction",
    205: "Cisco HDLC with a direction",
    206: "Frame Relay with a direction",
    209: "IPMB of Linux",
    210: "FlexRay",
    212: "LIN",
    215: "IEEE 802.15.4 non-ASK",
    220: "USB of Linux, mapped",
    224: "Fibre Channel FC-2",
    225: "Fibre Channel FC-2 with delimiters",
    226: "Solaris IPNET",
    227: "SocketCAN",
    228: "raw IPv4",
    229: "raw IPv6",
    230: "IEEE 802.15.4 without FCS",
    231: "D-Bus",
    235: "DVB-CI",
    236: "27.010 multiplexing",
    237: "Stanag 5066",
    239: "NFLOG",
    240: "Hilscher netANALYZER",
    241: "Hilscher netANALYZER, transparent",
    242: "IP over InfiniBand",
    243: "MPEG-2 transport stream",
    245: "NFC LLCP",
    247: "InfiniBand",
    248: "SCTP",
    249: "USBPcap",
    251: "Bluetooth low energy",
    252: "PDUs exported by Wireshark",
    253: "Linux Netlink",
    254: "Bluetooth of Linux's monitor",
    255: "Bluetooth BR/EDR",
    256: "Bluetooth low energy with a pseudo-header",
    257: "PROFIBUS",
    258: "PKTAP",
    259: "Ethernet with an EPON preamble",
    264: "ISO 14443",
    266: "USB of macOS",
    270: "LoRaTap",
    271: "vSockets",
    272: "Nordic BLE sniffer",
    273: "DOCSIS 3.1",
    274: "Ethernet preemption",
    276: "Linux cooked 2",
    278: "OpenVizsla USB",
    280: "Elektrobit high speed capture",
    281: "Broadcom switch tag",
    282: "Broadcom switch tag, prepended",
    283: "IEEE 802.15.4 TAP",
    284: "Marvell switch tag",
    285: "Marvell extended switch tag",
    288: "USB 2.0",
    289: "ATSC ALP",
    290: "Windows events",
}

_WITHOUT_IP = frozenset(
    {3, 7, 114, 129, 139, 140, 141, 142, 144, 165, 169, 177, 187, 189, 195, 201, 209, 210, 212}
    | {215, 220, 224, 225, 227, 230, 231, 235, 236, 237, 243, 245, 249, 251, 253, 254, 255, 256}
    | {257, 264, 266, 270, 271, 272, 278, 280, 283, 288, 290}
)
"""Buses, radios and messages within a machine: no TCP is to be expected there."""


def link_type_name(number: int) -> str:
    """Return the name of a LINKTYPE_ value, or its number where it has none here."""
    if 147 <= number <= 162:
        return f"USER{number - 147}, private use"
    return _NAMES.get(number, f"link type {number}")


def described(number: int) -> str:
    """Return the number with its name: "link type 127 (radiotap and 802.11)"."""
    if number in _NAMES or 147 <= number <= 162:
        return f"link type {number} ({link_type_name(number)})"
    return f"link type {number}"


def what_helps(number: int) -> str:
    """Return what to do about a link type that is not read."""
    if number in _WITHOUT_IP:
        return "it carries no TCP: capture on a network interface, such as any"
    return "if Wireshark shows IP in it: tshark -r FILE -U 'OSI layer 3' -w NEW.pcapng, then NEW"
