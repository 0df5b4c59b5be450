#!/usr/bin/env python3
"""input.py OUT.tar: a small layer whose bytes are of several natures; the same on every run."""
import io, random, sys, tarfile

rnd = random.Random(3)
tar = tarfile.open(sys.argv[1], "w", format=tarfile.USTAR_FORMAT)


def add(name, data=b"", kind=tarfile.REGTYPE, mode=0o644, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.mtime, info.size = kind, mode, link, 1700000000, len(data)
    tar.addfile(info, io.BytesIO(data))


words = [bytes(rnd.choices(range(97, 123), k=rnd.randint(2, 9))) for _ in range(300)]


def text(count):
    return b" ".join(rnd.choices(words, k=count))


add("etc/", kind=tarfile.DIRTYPE, mode=0o755)
add("etc/hostname", b"layerscope\n")
add("etc/empty")
add("etc/link", kind=tarfile.SYMTYPE, mode=0o777, link="hostname")
add("usr/", kind=tarfile.DIRTYPE, mode=0o755)
add("usr/text", text(9000))
# What no encoder makes smaller: stored blocks.
add("usr/noise", rnd.randbytes(9000))
# Long matches, at a distance of one byte.
add("usr/zeros", bytes(60000))
# Matches as far back as deflate can go.
far = rnd.randbytes(1000)
add("usr/far", far + bytes(31500) + far + far)
add("usr/numbers", b"".join(b"%d\n" % n for n in range(4000)))
for n in range(25):
    add(f"usr/small-{n:02}", text(n * 9))
add("usr/last", text(4000))
tar.close()
