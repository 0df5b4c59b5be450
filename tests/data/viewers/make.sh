#!/bin/sh
# Makes the inputs of the viewers' tests with the tools that make such files in the field. Run in
# this folder; needs Debian's openssl, gcc, binutils, golang-go, openssh-client, python3 with pip, unzip, and the
# pinned rustc with its wasm target. Keys are made for this and used nowhere.
set -eu
cd "$(dirname "$0")"

# ---- certificates and keys ----
# A root, an authority below it, and a leaf as Fulcio issues them: its extensions with their
# numbers, texts of the first six raw, of the later ones as DER.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/ca.cnf" <<'CNF'
[req]
distinguished_name = dn
prompt = no
[dn]
O = Layerscope tests
CN = Test root
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[middle]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
extendedKeyUsage = codeSigning
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf]
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = critical, URI:https://github.com/owner/name/.github/workflows/release.yml@refs/tags/v1.0.0
1.3.6.1.4.1.57264.1.1 = DER:68:74:74:70:73:3a:2f:2f:74:6f:6b:65:6e:2e:65:78:61:6d:70:6c:65
1.3.6.1.4.1.57264.1.8 = ASN1:UTF8String:https://token.example
1.3.6.1.4.1.57264.1.12 = ASN1:UTF8String:https://github.com/owner/name
1.3.6.1.4.1.57264.1.13 = ASN1:UTF8String:0123456789abcdef0123456789abcdef01234567
1.3.6.1.4.1.57264.1.14 = ASN1:UTF8String:refs/tags/v1.0.0
1.3.6.1.4.1.57264.1.20 = ASN1:UTF8String:push
[server]
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:a.example, DNS:*.b.example, IP:192.0.2.1, IP:2001:db8::1, email:who@a.example
authorityInfoAccess = OCSP;URI:http://ocsp.a.example/, caIssuers;URI:http://a.example/ca.crt
crlDistributionPoints = URI:http://a.example/ca.crl
CNF
openssl ecparam -name secp384r1 -genkey -noout -out "$work/root.key"
openssl ecparam -name prime256v1 -genkey -noout -out "$work/middle.key"
openssl ecparam -name prime256v1 -genkey -noout -out "$work/leaf.key"
openssl req -x509 -config "$work/ca.cnf" -extensions root -key "$work/root.key" -sha384 -days 36500 -out "$work/root.pem"
openssl req -new -config "$work/ca.cnf" -subj "/O=Layerscope tests/CN=Test authority" -key "$work/middle.key" -out "$work/middle.csr"
openssl x509 -req -in "$work/middle.csr" -CA "$work/root.pem" -CAkey "$work/root.key" -set_serial 0x1234 -sha384 \
  -days 36500 -extfile "$work/ca.cnf" -extensions middle -out "$work/middle.pem"
openssl req -new -config "$work/ca.cnf" -subj "/" -key "$work/leaf.key" -out "$work/leaf.csr"
openssl x509 -req -in "$work/leaf.csr" -CA "$work/middle.pem" -CAkey "$work/middle.key" -set_serial 0x5678 -sha256 \
  -days 1 -extfile "$work/ca.cnf" -extensions leaf -out "$work/leaf.pem"
cat "$work/leaf.pem" "$work/middle.pem" "$work/root.pem" > chain.pem
openssl req -new -newkey rsa:2048 -nodes -keyout "$work/server.key" -config "$work/ca.cnf" \
  -subj "/CN=<script>alert(1)<\/script>" -out request.csr
openssl x509 -req -in request.csr -signkey "$work/server.key" -set_serial 1 -sha256 -days 36500 \
  -extfile "$work/ca.cnf" -extensions server -text -out server.pem
openssl x509 -in server.pem -outform DER -out server.der
openssl rsa -in "$work/server.key" -pubout -out public.pem 2>/dev/null
openssl genpkey -algorithm ed25519 -out private.pem
openssl pkcs8 -topk8 -in private.pem -passout pass:secret -out encrypted.pem
rm -f ssh
ssh-keygen -q -t ed25519 -N "" -C nobody@a.example -f ssh && rm ssh.pub && mv ssh ssh.key

# ---- programs ----
cat > "$work/hello.c" <<'C'
#include <math.h>
#include <stdio.h>
double answer(double x) { return cos(x); }
int main(int argc, char **argv) { printf("%f\n", answer(argc)); return argv == 0; }
C
gcc -O1 -o hello-c "$work/hello.c" -lm -Wl,-z,now -Wl,-rpath,/opt/lib -Wl,--build-id
strip --strip-debug hello-c
gcc -O1 -shared -fPIC -o libanswer.so "$work/hello.c" -lm -Wl,-soname,libanswer.so.1
strip libanswer.so
gcc -O1 -c -o answer.o "$work/hello.c"
mkdir "$work/go"
cat > "$work/go/go.mod" <<'MOD'
module example.test/hello
go 1.19
MOD
cat > "$work/go/main.go" <<'GO'
package main

func main() { println("hello") }
GO
# Only what is read of it: the whole is more than a megabyte.
(cd "$work/go" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o hello .)
objcopy -O elf64-x86-64 --only-section=.go.buildinfo --only-section=.note.go.buildid "$work/go/hello" hello-go
# Small ones for other systems, as their makers ship them: setuptools (MIT), MarkupSafe (BSD-3-Clause).
pip download -q --no-deps -d "$work" setuptools==75.6.0
unzip -p "$work"/setuptools-*.whl setuptools/cli-64.exe > cli-64.exe
pip download -q --no-deps -d "$work" --only-binary=:all: --python-version 3.11 --platform macosx_10_9_universal2 markupsafe==2.1.5
unzip -p "$work"/MarkupSafe-*.whl markupsafe/_speedups.cpython-311-darwin.so > universal.so
pip download -q --no-deps -d "$work" --only-binary=:all: --python-version 3.11 --platform macosx_10_9_x86_64 markupsafe==2.1.5
unzip -p "$work"/MarkupSafe-*x86_64.whl markupsafe/_speedups.cpython-311-darwin.so > darwin.so
cat > "$work/hello.rs" <<'RS'
#![no_std]
#[link(wasm_import_module = "env")]
unsafe extern "C" { fn log(number: i32); }
#[unsafe(no_mangle)]
pub extern "C" fn answer(x: i32) -> i32 { unsafe { log(x) }; x + 42 }
#[panic_handler]
fn stop(_: &core::panic::PanicInfo) -> ! { loop {} }
RS
rustc --edition 2024 --target wasm32-unknown-unknown --crate-type cdylib -C opt-level=s -o hello.wasm "$work/hello.rs"
cat > "$work/main.rs" <<'RS'
fn main() { println!("hello"); }
RS
rustc --edition 2024 -C opt-level=s -C panic=abort -C strip=symbols -o "$work/hello-rust" "$work/main.rs"
# Without its code: what tells the compiler stays.
objcopy --only-section=.comment --only-section=.note.gnu.build-id --only-section=.interp "$work/hello-rust" hello-rust

# ---- lists of packages ----
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q cyclonedx-bom==7.5.0 requests==2.32.3
"$work/venv/bin/cyclonedx-py" environment --output-reproducible --of JSON -o cyclonedx.json "$work/venv"
mkdir "$work/npm"
(cd "$work/npm" && npm init -y >/dev/null && npm pkg set name=demo version=1.0.0 license=MIT \
  && npm install --silent left-pad@1.3.0 is-number@7.0.0 && npm sbom --sbom-format spdx) > spdx.json
(cd "$work/npm" && npm sbom --sbom-format cyclonedx) > cyclonedx-npm.json
# Some packages of this Debian.
awk 'BEGIN { RS = ""; ORS = "\n\n" } /^Package: (bash|libc6|openssl|base-files)\n/' /var/lib/dpkg/status > status

# ---- attestations and signatures ----
here=$PWD
"$work/venv/bin/pip" install -q in-toto-attestation==0.9.3 securesystemslib==1.6.0 jwcrypto==1.6.1 cryptography
"$work/venv/bin/python" make/attest.py "$work" chain.pem "$work/leaf.key"
mkdir "$work/sigstore"
(cd "$work/sigstore" && npm init -y >/dev/null \
  && npm install --silent @sigstore/mock@0.12.1 @sigstore/sign@4.1.1 @sigstore/bundle@4.0.0 \
  && node "$here/make/bundle.mjs" "$work/statement.json") > bundle.json

# ---- models ----
"$work/venv/bin/pip" install -q gguf==0.19.0 safetensors==0.8.0 numpy==2.4.6
"$work/venv/bin/python" make/models.py
