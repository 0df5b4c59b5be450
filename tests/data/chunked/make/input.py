#!/usr/bin/env python3
"""input.py OUT.tar: a small layer with one of everything; the same bytes on every run."""
import io, random, sys, tarfile

rnd = random.Random(1)
tar = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
TIME = 1700000000


def add(name, data=b"", kind=tarfile.REGTYPE, mode=0o644, link="", pax=None, time=TIME, owner=(0, 0, "root", "root"), device=(0, 0)):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.mtime = kind, mode, link, time
    info.uid, info.gid, info.uname, info.gname = owner
    info.devmajor, info.devminor = device
    info.pax_headers = pax or {}
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def directory(name, **more):
    add(name, kind=tarfile.DIRTYPE, mode=more.pop("mode", 0o755), **more)


words = [bytes(rnd.choices(range(97, 123), k=rnd.randint(2, 9))) for _ in range(500)]
text = b" ".join(rnd.choices(words, k=40000))

directory("etc/")
add("etc/hostname", b"layerscope\n")
add("etc/empty")
add("etc/shadow", b"root:*:19000:0:99999:7:::\n", mode=0o640, owner=(0, 42, "root", "shadow"))
directory("usr/")
directory("usr/bin/")
add("usr/bin/tool", rnd.randbytes(40000), mode=0o4755)
add("usr/bin/tool-again", kind=tarfile.LNKTYPE, mode=0o4755, link="usr/bin/tool")
add("usr/bin/ping", b"\x7fELF" + rnd.randbytes(500), mode=0o755,
    pax={"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"})
add("usr/bin/sh", kind=tarfile.SYMTYPE, mode=0o777, link="tool")
directory("usr/share/")
add("usr/share/text.txt", text)
add("usr/share/n\u00e4me-\u65e5\u672c.txt", "n\u00e4me\n".encode())
add("usr/share/" + "long-" * 30 + "name", b"long\n")
add("usr/share/old", b"old\n", time=-1)
add("usr/share/fraction", b"x", time=1234567890.5)
for i in range(40):
    add(f"usr/share/small-{i:02}", f"file number {i}\n".encode() * (i + 1))
directory("var/", owner=(1000, 1000, "app", "app"))
# Data between runs of zeros, which containers/storage tells apart.
add("var/disk.img", b"head" + bytes(70000) + text[:30000] + bytes(200000) + rnd.randbytes(3000) + bytes(5000), owner=(1000, 1000, "app", "app"))
add("var/zeros", bytes(100000), owner=(1000, 1000, "app", "app"))
directory("dev/")
add("dev/null", kind=tarfile.CHRTYPE, mode=0o666, device=(1, 3))
add("dev/disk", kind=tarfile.BLKTYPE, mode=0o660, device=(8, 1))
add("dev/pipe", kind=tarfile.FIFOTYPE, mode=0o600)
add("etc/.wh.gone")
directory("opt/")
add("opt/.wh..wh..opq")
tar.close()
