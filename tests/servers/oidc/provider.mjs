// A real identity provider (npm oidc-provider) on a free port of 127.0.0.1, and the browser of its users in one
// process. It prints its key set as one line of JSON; for each line `ALGORITHM ACCOUNT` on standard input, the account
// logs in through the authorization-code flow and the line `{"token": …}` is printed. It ends with standard input.

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Provider } from '../../../ci/node_modules/oidc-provider/lib/index.js';

// Standard output is for answers; what the provider has to say of its settings is none.
console.info = () => {};

const issuer = 'https://sso.acme.example/';
const back = 'https://orchestrator.acme.example/back';
const audience = 'stopgate';
const client = { id: 'orchestrator', secret: randomBytes(32).toString('hex') };
// The directory: who is in which groups.
const groups = { analyst: ['sg-support', 'sg-everybody'], visitor: ['sg-everybody'] };

const key = (kid, alg, type, options) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig',
});

const provider = new Provider(issuer, {
  clients: [{
    client_id: client.id, client_secret: client.secret, redirect_uris: [back],
    grant_types: ['authorization_code'], response_types: ['code'],
  }],
  jwks: {
    keys: [
      key('rsa-1', 'RS256', 'rsa', { modulusLength: 2048 }),
      key('ec-1', 'ES256', 'ec', { namedCurve: 'P-256' }),
      key('ed-1', 'EdDSA', 'ed25519'),
      key('ed-2', 'Ed25519', 'ed25519'),
    ],
  },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  findAccount: (_, id) => (id in groups ? { accountId: id, claims: () => ({ sub: id }) } : undefined),
  extraTokenClaims: (_, token) => ({ groups: groups[token.accountId] }),
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      // The resource names the algorithm, so that every kind of key signs.
      getResourceServerInfo: (_, resource) => ({
        audience, scope: 'act', accessTokenFormat: 'jwt', accessTokenTTL: 300,
        jwt: { sign: { alg: new URL(resource).pathname.slice(1) } },
      }),
      useGrantedResource: () => true,
    },
  },
});
// It believes that it stands behind the company's TLS proxy.
provider.proxy = true;
const server = provider.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const local = `http://127.0.0.1:${server.address().port}`;
const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': new URL(issuer).host };

// A browser: cookies, and redirects followed as long as they stay at the provider.
class Browser {
  cookies = new Map();

  async open(url, form) {
    let target = new URL(url, issuer);
    let body = form && new URLSearchParams(form);
    for (let hops = 0; hops < 10; hops += 1) {
      if (target.origin !== new URL(issuer).origin) return target;
      const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(local + target.pathname + target.search, {
        method: body ? 'POST' : 'GET', body, redirect: 'manual', headers: { ...forwarded, cookie },
      });
      for (const line of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        this.cookies.set(name, value);
      }
      const location = response.headers.get('location');
      if (!location) {
        if (!response.ok) throw new Error(`${target.pathname}: ${response.status} ${await response.text()}`);
        return target;
      }
      target = new URL(location, target);
      body = undefined;
    }
    throw new Error('too many redirects');
  }
}

async function token(algorithm, account) {
  const resource = `https://stopgate.acme.example/${algorithm}`;
  const verifier = randomBytes(32).toString('base64url');
  const browser = new Browser();
  let at = await browser.open(`/auth?${new URLSearchParams({
    client_id: client.id, response_type: 'code', redirect_uri: back, scope: 'openid act', resource,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  })}`);
  for (const form of [{ prompt: 'login', login: account, password: 'any' }, { prompt: 'consent' }]) {
    if (at.pathname.startsWith('/interaction/')) at = await browser.open(at, form);
  }
  const code = at.searchParams.get('code');
  if (!code) throw new Error(`no code: ${at}`);
  const response = await fetch(`${local}/token`, {
    method: 'POST',
    headers: { ...forwarded, authorization: `Basic ${btoa(`${client.id}:${client.secret}`)}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code', code, redirect_uri: back, code_verifier: verifier, resource,
    }),
  });
  const answer = await response.json();
  if (!answer.access_token) throw new Error(JSON.stringify(answer));
  return answer.access_token;
}

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
say(await (await fetch(`${local}/jwks`, { headers: forwarded })).json());
for await (const line of createInterface({ input: process.stdin })) {
  const [algorithm, account] = line.split(' ');
  say(await token(algorithm, account).then((text) => ({ token: text }), (error) => ({ error: String(error) })));
}
process.exit(0);
