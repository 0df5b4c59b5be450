//! Lists of packages, of npm, CycloneDX's tool for Python, and dpkg.

use layerscope_viewers::Step;

use crate::{HEAD, check, lines, open};

#[test]
fn spdx_of_npm() {
    check(
        "spdx.json",
        "SPDX",
        &[
            "Document: Format: SPDX-2.3",
            "Document: Name: demo@1.0.0",
            "Packages (3): left-pad | 1.3.0 | …pkg:npm/left-pad@1.3.0 <https://www.npmjs.com/package/left-pad/v/1.3.0>",
            "Packages (3): is-number | 7.0.0",
            "Relations (…): SPDXRef-DOCUMENT | DESCRIBES",
        ],
    );
}

#[test]
fn cyclonedx_of_npm_and_python() {
    check(
        "cyclonedx-npm.json",
        "CycloneDX",
        &[
            "Document: Format: CycloneDX 1.",
            "Document: Of: npm 1.0.0",
            "Components (2): left-pad | 1.3.0 | library | WTFPL | pkg:npm/left-pad@1.3.0",
        ],
    );
    check(
        "cyclonedx.json",
        "CycloneDX",
        &[
            "Document: By: …cyclonedx-py 7.5.0",
            "Components (…): requests | 2.32.3 | library | Apache-2.0…pkg:pypi/requests@2.32.3 <https://pypi.org/project/requests/2.32.3>",
            "Dependencies (…): requests==2.32.3 | …certifi==",
        ],
    );
}

#[test]
fn dpkg() {
    check(
        "status",
        "Packages of dpkg",
        &[
            "Packages (4): bash | 5.",
            "Packages (4): libc6 | …glibc <https://tracker.debian.org/pkg/glibc>",
            "Packages (4): openssl | …installed",
        ],
    );
}

#[test]
fn apk() {
    // As Alpine's own list is; no tool of Debian's writes it.
    let text = b"C:Q1e9AMgbpLOdH1Cy0gj3SpU0sDKbM=\nP:musl\nV:1.2.5-r0\nA:x86_64\nS:407278\nI:667648\nT:the musl c library (libc) implementation\nU:https://musl.libc.org/\nL:MIT\no:musl\nF:lib\nR:libc.musl-x86_64.so.1\n\nC:Q1xxTGxj2OOEsYIDHBo5pP1yyvPAc=\nP:busybox\nV:1.36.1-r29\nA:x86_64\nI:962560\nL:GPL-2.0-only\no:busybox\nT:Size optimized toolbox\n\n";
    let (doc, step, _) = open("installed", text, HEAD);
    assert_eq!(step, Step::Found("Packages of apk".into()));
    assert_eq!(
        lines(&doc),
        [
            "Packages (2): musl <https://musl.libc.org/> | 1.2.5-r0 | x86_64 | 667.6 kB | MIT | musl | the musl c library (libc) implementation",
            "Packages (2): busybox | 1.36.1-r29 | x86_64 | 962.6 kB | GPL-2.0-only | busybox | Size optimized toolbox",
        ]
    );
}
