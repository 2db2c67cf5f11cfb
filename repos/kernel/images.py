"""Builds the disk images of checks, the crafted ones and the good ones."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from repos.errors import InfrastructureError, InputError, UnknownNameError

NEGATIVE = 1 << 32


def content(size: int, seed: str) -> bytes:
    """Return bytes that can't be guessed without the seed, half of them compressible."""
    rng = random.Random(seed)
    return b"".join(bytes([rng.randrange(256)]) * 2 for _ in range(size // 2 + 1))[:size]


def find_program(name: str) -> str | None:
    """Return the path of a program; those of administrators are found for every user."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def run(command: list[str], folder: Path) -> None:
    """Run an image program.

    Raises:
        InputError: It is missing.
        InfrastructureError: It failed.
    """
    program = find_program(command[0])
    if program is None:
        raise InputError(
            f"{command[0]} is missing: `repogym kernel doctor` says how to install what kernel "
            "tasks need."
        )
    done = subprocess.run(
        [program, *command[1:]], cwd=folder, capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise InfrastructureError(f"{command[0]} failed: {' '.join(done.stderr.split())[-200:]}")


def squashfs(
    *,
    offset: int | None = None,
    fragment: int | None = None,
    compressor: str = "gzip",
    dictionary: int = -1,
) -> bytes:
    """Return a SquashFS image with a file `victim.bin` of 300 bytes in a fragment.

    Args:
        offset: Where the file's data begin in the fragment block, as the inode says; None for
            the true place. Negative ones are what a crafted image holds.
        fragment: Number of the file's fragment block, as the inode says; None for the true one.
        compressor: "gzip" or "xz".
        dictionary: For xz, the dictionary size that the image names; -1 for the true one.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "root").mkdir()
        (folder / "root/victim.bin").write_bytes(content(300, "victim"))
        (folder / "root/whole.bin").write_bytes(content(9000, "whole"))
        options = ["-Xdict-size", "8192", "-b", "16384"] if compressor == "xz" else []
        run(
            ["mksquashfs", "root", "out", "-comp", compressor, *options, "-noI", "-no-xattrs",
             "-all-root", "-all-time", "0", "-mkfs-time", "0", "-quiet", "-noappend"],
            folder,
        )  # fmt: skip
        image = bytearray((folder / "out").read_bytes())
    if offset is not None or fragment is not None:
        inodes, directories = struct.unpack_from("<QQ", image, 64)
        places = [
            at
            for at in range(inodes + 2, directories - 20)
            if struct.unpack_from("<H", image, at)[0] == 2
            and struct.unpack_from("<I", image, at + 28)[0] == 300
        ]
        if len(places) != 1:
            raise InfrastructureError("mksquashfs made an image with an unknown inode table.")
        if fragment is not None:
            struct.pack_into("<I", image, places[0] + 20, fragment)
        if offset is not None:
            struct.pack_into("<I", image, places[0] + 24, offset % NEGATIVE)
    if dictionary >= 0:
        # The compressor's options follow the superblock: a header of 2 bytes, then the size.
        struct.pack_into("<I", image, 98, dictionary)
    return bytes(image)


def adfs(*, zones: int, free: int = 0x20, disc: int = 65536) -> bytes:
    """Return an empty ADFS disc with a map of one zone; its boot block names their number.

    Args:
        zones: 0 is what a crafted image holds.
        free: Spare bits of a zone.
        disc: Size that the boot block names, in bytes.
    """
    image = bytearray(64 * 1024)
    record = bytearray(60)
    # log2 of the sector size, sectors a track, heads, density, length of ids, log2 bytes a bit
    record[0], record[1], record[2], record[3], record[4], record[5] = 10, 16, 2, 2, 15, 7
    record[9] = zones
    struct.pack_into("<HII", record, 10, free, 0x300, disc)
    block = bytearray(512)
    block[0x1C0 : 0x1C0 + 60] = record
    total = 0
    for at in range(510, -1, -1):
        total = (total & 0xFF) + (total >> 8) + block[at]
    block[511] = total & 0xFF
    image[0xC00:0xE00] = block
    zone = bytearray(1024)
    zone[3] = 0xFF  # the cross checks of all zones together
    zone[4 : 4 + 60] = record
    zone[0] = _zone_check(zone)
    image[0:1024] = zone
    return bytes(image)


def _zone_check(zone: bytes | bytearray) -> int:
    """Return the check byte of a zone: four sums with carries, combined."""
    sums = [0, 0, 0, 0]
    for at in range(len(zone) - 4, 0, -4):
        for lane in range(4):
            carry = sums[lane - 1] >> 8
            sums[lane - 1] &= 0xFF
            sums[lane] += zone[at + lane] + carry
    sums[0] += sums[3] >> 8
    for lane in range(1, 4):
        sums[lane] += zone[lane] + (sums[lane - 1] >> 8)
    return (sums[0] ^ sums[1] ^ sums[2] ^ sums[3]) & 0xFF


def zisofs(*, log2_block: int, empty: int, size: int = 8192) -> bytes:
    """Return an ISO 9660 image with a file of compressed blocks.

    Args:
        log2_block: Log2 of the block size in the file's header, 11 to 17.
        empty: Index of the block that is empty (its two pointers are the same); -1 for none.
        size: Size of the file in bytes, before compression.
    """
    import zlib

    block = 1 << log2_block
    plain = content(size, "zisofs")
    packed = []
    for number in range(0, size, block):
        chunk = plain[number : number + block]
        packed.append(b"" if number // block == empty else zlib.compress(chunk, 9))
    head = bytes([0x37, 0xE4, 0x53, 0x96, 0xC9, 0xDB, 0xD6, 0x07])
    head += struct.pack("<IBB2x", size, 4, log2_block)
    at = len(head) + 4 * (len(packed) + 1)
    pointers = [at]
    for chunk in packed:
        at += len(chunk)
        pointers.append(at)
    data = head + b"".join(struct.pack("<I", p) for p in pointers) + b"".join(packed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "root").mkdir()
        (folder / "root/victim.bin").write_bytes(data)
        (folder / "root/plain.bin").write_bytes(content(5000, "plain"))
        run(["genisoimage", "-quiet", "-R", "-z", "-o", "out", "root"], folder)
        image = (folder / "out").read_bytes()
    return image + b"\0" * (-len(image) % 4096)


def rock(*, length: int = 50) -> bytes:
    """Return an ISO 9660 image with a Rock Ridge link of four parts of 50 characters.

    Args:
        length: What the last part's record says that it has.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "root").mkdir()
        (folder / "root/link").symlink_to("/".join(letter * 50 for letter in "abcd"))
        (folder / "root/short").symlink_to("../one/./two/six")
        run(["genisoimage", "-quiet", "-R", "-o", "out", "root"], folder)
        image = bytearray((folder / "out").read_bytes())
    part = bytes([0, 50]) + b"d" * 50
    if image.count(part) != 1:
        raise InfrastructureError("genisoimage made an image with an unknown link.")
    image[image.index(part) + 1] = length
    return bytes(image)


def omfs(*, block: int) -> bytes:
    """Return an OMFS disk whose root holds one directory, `songs`.

    Args:
        block: Bytes of a block, as the disk says.
    """
    unit = block if block >= 512 and block & (block - 1) == 0 else 512
    count, nothing = 16, (1 << 64) - 1
    image = bytearray(count * unit)
    struct.pack_into(">QQIIII", image, 256, 1, count, 0xC2993D87, block, 1, block)
    struct.pack_into(">Q", image, unit, 1)
    struct.pack_into(">QQQII", image, unit + 32, count, 2, nothing, block, 1)
    start = 440
    buckets = (unit - start) // 8
    for number, name in ((2, b""), (3, b"songs")):
        at = number * unit
        struct.pack_into(">QIHxxBcBB", image, at, number, block - 24, 0, 1, b"e", 0xD2, 0)
        struct.pack_into(">QQQ", image, at + 24, 2, nothing, 0)
        image[at + 83] = ord("D")
        image[at + 152 : at + 152 + len(name)] = name
        image[at + start : at + start + 8 * buckets] = b"\xff" * (8 * buckets)
    where = 0
    for place, letter in enumerate(b"songs"):
        where ^= letter << place
    struct.pack_into(">Q", image, 2 * unit + start + 8 * (where % buckets), 3)
    return bytes(image)


def aix(*, extents: int) -> bytes:
    """Return a disk with AIX's partition table: one volume of three extents of 4 KiB.

    Args:
        extents: How many physical extents the table says that it has; there is room for 1016.
    """
    image = bytearray(512 * 512)
    area, length, volumes = 100, 120, 1
    image[0:4] = bytes([0xC9, 0xC2, 0xD4, 0xC1])  # "IBMA" in EBCDIC
    at = 7 * 512
    image[at : at + 4] = b"_LVM"
    struct.pack_into(">II", image, at + 24, length, area)
    struct.pack_into(">H", image, at + 46, 12)  # log2 of an extent's bytes
    struct.pack_into(">H", image, at + 60, 1)
    struct.pack_into(">H", image, area * 512 + 24, volumes)
    struct.pack_into(">H", image, (area + 1) * 512 + 14, 3)
    names = (area + length - 33) * 512
    image[names : names + 4] = b"data"
    table = (area + 17) * 512
    struct.pack_into(">H", image, table + 16, extents)
    struct.pack_into(">I", image, table + 20, 88)
    for number in range(3):
        struct.pack_into(">HHHH", image, table + 32 + 32 * number, 1, 0, 0, number + 1)
    return bytes(image)


def ext2(*, block: int = 1024, log2_block: int = -1) -> bytes:
    """Return an ext2 disk with a file `victim.bin` of 300 bytes and one, `whole.bin`, of 9000.

    Args:
        block: Bytes of a block.
        log2_block: Log2 of a block's size over 1024, as the superblock says; -1 for the true one.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "root").mkdir()
        (folder / "root/victim.bin").write_bytes(content(300, "victim"))
        (folder / "root/whole.bin").write_bytes(content(9000, "whole"))
        run(
            ["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(block), "-d", "root", "-N", "32",
             "-U", "00000000-0000-4000-8000-000000000000", "out", "512k"],
            folder,
        )  # fmt: skip
        image = bytearray((folder / "out").read_bytes())
    if log2_block >= 0:
        struct.pack_into("<I", image, 1024 + 24, log2_block)
    return bytes(image)


BUILDERS: dict[str, Callable[..., bytes]] = {
    "squashfs": squashfs, "adfs": adfs, "zisofs": zisofs, "rock": rock,
    "omfs": omfs, "aix": aix, "ext2": ext2,
}  # fmt: skip


def build_image(builder: str, options: dict) -> bytes:
    """Return an image by the name of its builder.

    Raises:
        UnknownNameError: There is no such builder.
    """
    if builder not in BUILDERS:
        raise UnknownNameError("image builder", builder, BUILDERS)
    return BUILDERS[builder](**options)
