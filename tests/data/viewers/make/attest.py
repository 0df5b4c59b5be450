"""A statement with SLSA provenance, an envelope around it, and a signature in JWS, by the libraries
of in-toto, securesystemslib and jwcrypto. Writes into the folder given."""

import base64
import json
import sys

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from jwcrypto import jwk, jws
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

work, chain, key_file = sys.argv[1:4]

predicate = ParseDict(
    {
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {"ref": "refs/heads/main", "path": ".github/workflows/release.yml"}},
            "resolvedDependencies": [
                {
                    "uri": "git+https://github.com/owner/name@refs/heads/main",
                    "digest": {"gitCommit": "0123456789abcdef0123456789abcdef01234567"},
                }
            ],
        },
        "runDetails": {
            "builder": {"id": "https://github.com/actions/runner/github-hosted"},
            "metadata": {"invocationId": "https://github.com/owner/name/actions/runs/1/attempts/1"},
        },
    },
    provenance_pb2.Provenance(),
)
subject = ResourceDescriptor(name="pkg:npm/%40scope/name@1.0.0", digest={"sha256": "ab" * 32})
data = Struct()
data.update(MessageToDict(predicate))
statement = Statement([subject.pb], "https://slsa.dev/provenance/v1", data)
text = json.dumps(MessageToDict(statement.pb)).encode()
open(f"{work}/statement.json", "wb").write(text)

with open(key_file, "rb") as file:
    key = load_pem_private_key(file.read(), None)
signer = CryptoSigner(key)
envelope = Envelope(payload=text, payload_type="application/vnd.in-toto+json", signatures={})
envelope.sign(signer)
json.dump(envelope.to_dict(), open("envelope.json", "w"))
open("envelope.pub", "wb").write(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

# As Notation writes it: what it signs is the manifest's descriptor.
blocks = open(chain).read().split("-----BEGIN CERTIFICATE-----")[1:]
ders = [block.split("-----END")[0].replace("\n", "") for block in blocks]
payload = {
    "targetArtifact": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:" + "cd" * 32,
        "size": 1234,
    }
}
token = jws.JWS(json.dumps(payload).encode())
token.add_signature(
    jwk.JWK.from_pyca(key),
    None,
    json.dumps(
        {
            "alg": "ES256",
            "cty": "application/vnd.cncf.notary.payload.v1+json",
            "crit": [],
            "io.cncf.notary.signingScheme": "notary.x509",
            "io.cncf.notary.signingTime": "2026-11-25T12:00:00Z",
        }
    ).replace('"crit": [], ', ""),
    json.dumps({"x5c": ders, "io.cncf.notary.signingAgent": "made for a test"}),
)
open("notation.json", "w").write(token.serialize())
