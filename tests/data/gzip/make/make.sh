#!/bin/bash
# Makes the files in the folder above: one small tar as many programs compress it. As root on
# Debian 12: apt-get install -y --no-install-recommends python3 pigz tabix zopfli p7zip-full \
#   libdeflate-tools isal advancecomp
# Go's compiler is unpacked into a folder and not installed. About a minute.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
OUT=$HERE/..
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
cd "$W"
python3 "$HERE/input.py" layer.tar
touch -d @1700000000 layer.tar
rm -f "$OUT"/*.gz

for level in 1 2 3 4 5 6 7 8 9; do gzip -$level -c layer.tar >"$OUT/gzip-$level.gz"; done
# Blocks that start anew, for rsync; no name and no time.
gzip -n --rsyncable -c layer.tar >"$OUT/gzip-rsyncable.gz"
pigz -p 2 -b 32 -c layer.tar >"$OUT/pigz.gz"
# Each block without the window before it; a comment.
pigz -p 2 -b 32 -i -C 'made by pigz' -c layer.tar >"$OUT/pigz-independent.gz"
# zopfli's format, by pigz and by its own program.
pigz -11 -c layer.tar >"$OUT/pigz-11.gz"
zopfli --i5 -c layer.tar >"$OUT/zopfli.gz"
# A member for each 64 KiB, its length in an extra field, and an empty member at the end.
bgzip -c layer.tar >"$OUT/bgzip.gz"
7z a -tgzip -mx=9 7z.gz layer.tar >/dev/null
mv 7z.gz "$OUT/7z.gz"
libdeflate-gzip -12 -c layer.tar >"$OUT/libdeflate-12.gz"
libdeflate-gzip -1 -c layer.tar >"$OUT/libdeflate-1.gz"
igzip -3 -c layer.tar >"$OUT/igzip.gz"
cp "$OUT/gzip-1.gz" adv.gz
advdef -z -4 -q adv.gz
cp adv.gz "$OUT/advdef.gz"
python3 -c 'import gzip, sys; sys.stdout.buffer.write(gzip.compress(open("layer.tar", "rb").read(), 6, mtime=0))' >"$OUT/python.gz"

mkdir go && (cd go && apt-get download -qq golang-1.19-go golang-1.19-src && for d in *.deb; do dpkg -x "$d" .; done)
export GOROOT=$W/go/usr/lib/go-1.19 GOCACHE=$W/cache GO111MODULE=off CGO_ENABLED=0 GOFLAGS=
"$GOROOT/bin/go" build -o writer "$HERE/writer.go"
# Its default; its best; Huffman codes alone (-2); stored (0).
./writer layer.tar "$OUT/go-default.gz" -1
./writer layer.tar "$OUT/go-9.gz" 9
./writer layer.tar "$OUT/go-huffman.gz" -2
./writer layer.tar "$OUT/go-stored.gz" 0
