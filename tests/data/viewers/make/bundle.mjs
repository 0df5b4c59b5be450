// A Sigstore bundle as sigstore-js makes it, before certificate authority and log of its own mock
// (no network). The statement comes in as a file; the bundle goes to standard output.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { mockFulcio, mockRekor } = require("@sigstore/mock");
const { DSSEBundleBuilder, FulcioSigner, RekorWitness } = require("@sigstore/sign");
const { bundleToJSON } = require("@sigstore/bundle");

const text = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
// The mock checks no signature of it.
const token = `${text({ alg: "RS256" })}.${text({
  iss: "https://token.example",
  sub: "https://github.com/owner/name/.github/workflows/release.yml@refs/heads/main",
  aud: "sigstore",
  email: "somebody@a.example",
  email_verified: true,
  exp: 4102444800,
})}.c2ln`;

await mockFulcio();
await mockRekor();
const signer = new FulcioSigner({
  fulcioBaseURL: "https://fulcio.sigstore.dev",
  identityProvider: { getToken: async () => token },
});
const builder = new DSSEBundleBuilder({
  signer,
  witnesses: [new RekorWitness({ rekorBaseURL: "https://rekor.sigstore.dev" })],
});
const bundle = await builder.create({
  data: readFileSync(process.argv[2]),
  type: "application/vnd.in-toto+json",
});
process.stdout.write(JSON.stringify(bundleToJSON(bundle)));
