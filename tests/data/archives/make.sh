#!/bin/sh
# Makes the small archives beside this file, with Debian's tools: cpio, ar (binutils), zip, dpkg-deb,
# zstd. `content/` is what is in all of them; the tests compare every file with it.
set -e
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/content/dir/deeper"
cd "$work"
printf 'hello\n' > content/hello.txt
: > content/empty
seq 1 4000 > content/dir/numbers.txt
seq 1 300 | md5sum > "content/dir/a name with spaces and more than sixteen letters"
ln -s dir/numbers.txt content/link
chmod 640 content/hello.txt
ln content/hello.txt content/dir/deeper/same
find content -exec touch -h -d '2024-02-29 12:34:56Z' {} +
here=$OLDPWD
(cd content && find . | LC_ALL=C sort | cpio -o -H newc --reproducible 2>/dev/null) > "$here/newc.cpio"
(cd content && find . | LC_ALL=C sort | cpio -o -H crc 2>/dev/null) > "$here/crc.cpio"
(cd content && find . | LC_ALL=C sort | cpio -o -H odc 2>/dev/null) > "$here/odc.cpio"
# As an initramfs: plain, padded, then compressed.
mkdir early && echo early > early/microcode
(cd early && find . | LC_ALL=C sort | cpio -o -H newc 2>/dev/null) > "$here/initramfs.cpio"
zstd -q -19 -c "$here/newc.cpio" >> "$here/initramfs.cpio"
rm -f "$here"/*.zip "$here"/*.a "$here"/*.deb
(cd content && TZ=UTC zip -q -y -r "$here/plain.zip" . && TZ=UTC zip -q -y -0 -r "$here/stored.zip" . && TZ=UTC zip -q -y -P secret "$here/encrypted.zip" hello.txt)
(cd content && ar qcD "$here/long-names.a" hello.txt empty dir/numbers.txt "dir/a name with spaces and more than sixteen letters")
mkdir -p deb/DEBIAN deb/usr/share
printf 'Package: demo\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: demo\n' > deb/DEBIAN/control
cp -a content deb/usr/share/demo
SOURCE_DATE_EPOCH=1709210096 dpkg-deb --root-owner-group -Zxz -b deb "$here/demo.deb" > /dev/null
tar -C content --sort=name --owner=0 --group=0 -cf "$here/content.tar" .
xz -9 -f "$here/content.tar"
