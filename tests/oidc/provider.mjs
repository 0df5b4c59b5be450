// The OpenID provider of the sign-in tests: npm's oidc-provider on a loopback port, with its own
// login and consent pages. Told by the environment: PORT, REDIRECT_URIS (JSON), ACCESS_TTL_S.
// Each exchange is a line of JSON on standard output, without any secret.

import { Provider } from "oidc-provider";

const port = Number(process.env.PORT);
const issuer = `http://127.0.0.1:${port}`;
const say = (what) => console.log(JSON.stringify(what));

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "layerscope",
      client_secret: process.env.CLIENT_SECRET,
      redirect_uris: JSON.parse(process.env.REDIRECT_URIS),
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_basic",
    },
  ],
  // What has run out has run out: the tests wait for it.
  clockTolerance: 0,
  cookies: { keys: ["a test needs no secret here"] },
  issueRefreshToken: async (_, client) => client.grantTypeAllowed("refresh_token"),
  rotateRefreshToken: true,
  features: { revocation: { enabled: true } },
  ttl: {
    AccessToken: Number(process.env.ACCESS_TTL_S),
    AuthorizationCode: 60,
    IdToken: 600,
    RefreshToken: 3600,
    Interaction: 600,
    Session: 3600,
    Grant: 3600,
  },
});

// Its pages fetch a font from the internet, which tests do not.
provider.use(async (ctx, next) => {
  await next();
  if (typeof ctx.body === "string") ctx.body = ctx.body.replace(/@import[^;]*;/g, "");
});

for (const event of ["grant.success", "grant.error"]) {
  provider.on(event, (ctx, error) =>
    say({
      event,
      grant: ctx.oidc?.params?.grant_type ?? null,
      verifier: Boolean(ctx.oidc?.params?.code_verifier),
      error: error?.message ?? null,
    }),
  );
}
provider.on("grant.revoked", () => say({ event: "grant.revoked" }));
provider.on("server_error", (_, error) => console.error(error));
provider.listen(port, "127.0.0.1", () => say({ event: "listening" }));
