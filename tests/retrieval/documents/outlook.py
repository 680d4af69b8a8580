"""Writes Outlook messages (.msg): a compound file ([MS-CFB]) with the streams of [MS-OXMSG]. No library writes them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Union

Tree = Mapping[str, Union[bytes, "Tree"]]

_SECTOR, _MINI, _CUTOFF = 512, 64, 4096
_END, _FREE, _FAT, _NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF


def message(path: Path, subject: str, body: str, sender: str, attached: Mapping[str, bytes]) -> Path:
    tree: dict[str, bytes | Tree] = {
        "__nameid_version1.0": {"__substg1.0_00020102": b"", "__substg1.0_00030102": b"", "__substg1.0_00040102": b""},
        "__recip_version1.0_#00000000": {
            "__properties_version1.0": bytes(8) + _text(0x3001, "B") + _text(0x39FE, "b@example.org"),
            "__substg1.0_3001001F": "B".encode("utf-16-le"),
            "__substg1.0_39FE001F": "b@example.org".encode("utf-16-le"),
        },
    }
    own = {0x001A: "IPM.Note", 0x0037: subject, 0x1000: body, 0x007D: f"From: {sender}\r\nSubject: {subject}\r\n\r\n"}
    head = struct.pack("<8xIIII8x", 1, len(attached), 1, len(attached))
    tree["__properties_version1.0"] = head + b"".join(_text(key, said) for key, said in own.items())
    tree |= {f"__substg1.0_{key:04X}001F": said.encode("utf-16-le") for key, said in own.items()}
    for number, (name, content) in enumerate(attached.items()):
        tree[f"__attach_version1.0_#{number:08X}"] = {
            "__properties_version1.0": bytes(8)
            + _text(0x3707, name)
            + struct.pack("<HHIIi", 3, 0x3705, 6, 1, 0)
            + struct.pack("<HHIII", 0x0102, 0x3701, 6, len(content), 0),
            "__substg1.0_3707001F": name.encode("utf-16-le"),
            "__substg1.0_37010102": content,
        }
    path.write_bytes(_compound(tree))
    return path


def _text(key: int, said: str) -> bytes:
    return struct.pack("<HHIII", 0x001F, key, 6, 2 * len(said) + 2, 0)


def _compound(tree: Tree) -> bytes:
    """Header, streams, mini stream, directory, mini FAT, FAT."""
    entries: list[list[object]] = [["Root Entry", 5, _NONE, _NONE, b""]]  # name, kind, right, child, content

    def add(parent: int, held: Tree) -> None:
        before = _NONE
        for name, content in sorted(held.items(), key=lambda one: (len(one[0]), one[0].upper())):
            number = len(entries)
            stream = isinstance(content, bytes)
            entries.append([name, 2 if stream else 1, _NONE, _NONE, content if stream else b""])
            if before == _NONE:
                entries[parent][3] = number
            else:
                entries[before][2] = number
            before = number
            if not isinstance(content, bytes):
                add(number, content)

    add(0, tree)
    sectors: list[bytes] = []
    chain: list[int] = []

    def put(content: bytes) -> int:
        if not content:
            return _END
        start = len(sectors)
        pieces = [content[at : at + _SECTOR].ljust(_SECTOR, b"\0") for at in range(0, len(content), _SECTOR)]
        sectors.extend(pieces)
        chain.extend([*range(start + 1, start + len(pieces)), _END])
        return start

    mini, mini_chain, places = b"", [], []
    for _, kind, _, _, content in entries[1:]:
        assert isinstance(content, bytes)
        if kind != 2 or not content:
            places.append(_END if kind == 2 else 0)
        elif len(content) >= _CUTOFF:
            places.append(put(content))
        else:
            places.append(len(mini) // _MINI)
            mini += content.ljust(-(-len(content) // _MINI) * _MINI, b"\0")
            count = -(-len(content) // _MINI)
            mini_chain += [*range(len(mini_chain) + 1, len(mini_chain) + count), _END]
    places.insert(0, put(mini))
    directory = b""
    for (name, kind, right, child, content), start in zip(entries, places, strict=True):
        spelled = f"{name}\0".encode("utf-16-le")
        size = len(mini) if kind == 5 else len(content)  # type: ignore[arg-type]
        directory += struct.pack("<64sHBBIII16xI8x8xIQ", spelled, len(spelled), kind, 1, _NONE, right, child, 0, start, size)
    first = put(directory.ljust(-(-len(directory) // _SECTOR) * _SECTOR, b"\0"))
    listed = struct.pack(f"<{len(mini_chain)}I", *mini_chain)
    mini_fat = put(listed.ljust(-(-len(listed) // _SECTOR) * _SECTOR, b"\xff"))
    count = -(-len(listed) // _SECTOR)
    fats = 1
    while (len(sectors) + fats) * 4 > fats * _SECTOR:
        fats += 1
    table = [*chain, *[_FAT] * fats]
    table += [_FREE] * (fats * _SECTOR // 4 - len(table))
    where = [*range(len(sectors), len(sectors) + fats), *[_FREE] * (109 - fats)]
    head = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII109I",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6, 0, fats, first, 0, _CUTOFF,
        mini_fat, count, _END, 0, *where,
    )  # fmt: skip
    return head + b"".join(sectors) + struct.pack(f"<{len(table)}I", *table)
