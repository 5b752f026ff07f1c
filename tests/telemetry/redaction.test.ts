import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { PublicError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { secretSettings, secretsIn } from '../../src/settings-secrets.ts';

/** What an administrator sets, each with a part that nobody else may read. */
const env = {
  KESTRA_API_TOKEN: 'CANARY-kestra-token',
  KESTRA_PASSWORD: 'CANARY "pass/word"+1',
  OIDC_CLIENT_SECRET: 'CANARY-client-secret',
  ENCRYPTION_KEY: 'Q0FOQVJZLWtleS1vbmU=',
  ENCRYPTION_KEYS: 'new:Q0FOQVJZLWtleS10d28=,old:Q0FOQVJZLWtleS10aHJlZQ==',
  KESTRA_MCP_CLIENTS: '[{"client_id":"assistant","client_secret":"CANARY-of-a-client"}]',
  KESTRA_MCP_STORE: 'postgres://kestra_mcp:CANARY%2Bdatabase@db.example.com/kestra_mcp',
  OTEL_EXPORTER_OTLP_HEADERS: 'x-key=CANARY-of-traces,other=CANARY-of-others',
  HTTPS_PROXY: 'http://proxy:CANARY-of-proxy@proxy.example.com:3128',
  PGPASSWORD: 'CANARY-of-libpq',
};
const secrets = [
  'CANARY-kestra-token',
  'CANARY "pass/word"+1',
  'CANARY-client-secret',
  'Q0FOQVJZLWtleS1vbmU=',
  'Q0FOQVJZLWtleS10d28=',
  'Q0FOQVJZLWtleS10aHJlZQ==',
  'CANARY-of-a-client',
  'CANARY%2Bdatabase',
  'CANARY+database',
  'CANARY-of-traces',
  'CANARY-of-others',
  'CANARY-of-proxy',
  'CANARY-of-libpq',
];
const random = 'hV9x2Lq0-TzW7_bRk4mYc8sNe1uGfJ3aPd6oXi5ZtQE';
const jwt = `eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJDQU5BUlkifQ.${random}`;

/** The line that something leaves in the log of a program with these settings. */
const logged = (fields: object, message = 'failed'): string => {
  const lines: string[] = [];
  createLog('debug', { secrets: secretsIn(env), write: (line) => void lines.push(line) }).error(fields, message);
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error' });
  return lines[0] ?? '';
};

test('every setting that holds a secret is tried', () => {
  expect(secretSettings.filter((name) => !(name in env))).toEqual([]);
});

test('a password that is not well encoded is hidden too', () => {
  expect(secretsIn({ KESTRA_MCP_STORE: 'postgres://kestra:100%-CANARY@db.example.com/x' })).toContain('100%-CANARY');
});

describe('A46 what the log never holds', () => {
  test.each(secrets)('%s, which was set, wherever it is', (secret) => {
    const forms = [
      secret,
      encodeURIComponent(secret),
      Buffer.from(`${secret}`).toString('base64'),
      Buffer.from(secret).toString('base64url'),
    ];
    for (const form of forms) {
      const circular: Record<string, unknown> = { form };
      circular.self = circular;
      const errors = [
        new Error(form),
        new Error('outer', { cause: new Error('inner', { cause: new TypeError(`deep ${form}`) }) }),
        new PublicError('internal', 'no', new Error(form)),
        new PublicError('internal', 'no', { connectionString: form, client: circular }),
        new AggregateError([new Error(form)], form),
        Object.assign(new Error('database'), { stack: `Error: database\n    at ${form}` }),
        circular,
        form,
      ];
      for (const err of errors) expect(logged({ err }), inspect(err)).not.toContain(form.replace(/=+$/, '').slice(0, -1));
      expect(logged({ headers: { 'x-key': form }, list: [form] }, `about ${form}`)).not.toContain(form.slice(0, -1));
    }
  });

  test.each<[string, unknown, string]>([
    ['a token of ours', `token kmcp_at_${random} refused`, 'kmcp_at_…'],
    ['a code of ours', { code: `kmcp_code_${random}` }, ''],
    ["a provider's token", `unexpected ${jwt}`, 'eyJ…'],
    ['an Authorization header', new Error(`authorization: Bearer ${random}`), 'Bearer …'],
    ['one of basic authentication', { headers: { authorization: `Basic ${random}` } }, ''],
    ['a cookie', { headers: { 'set-cookie': `txn=${random}; Path=/` } }, ''],
    ['a password in a URL', `connect postgres://kestra:${random}@db.example.com/x`, 'postgres://kestra:…@db.example.com/x'],
    ['a URL object', new PublicError('internal', 'no', new URL(`https://u:${random}@h.example.com/`)), 'https://u:…@h.example.com/'],
    ['a form that was sent', `grant_type=refresh_token&refresh_token=${random}&scope=openid`, 'refresh_token=…&scope=openid'],
    ['an answer of the provider', new Error(`bad: ${JSON.stringify({ id_token: random, expires_in: 5 })}`), 'expires_in'],
    ['an answer within an answer', JSON.stringify({ body: JSON.stringify({ client_secret: random }) }), 'client_secret'],
  ])('%s', (_, err, left) => {
    const line = logged({ err });
    expect(line).not.toContain(random);
    expect(line).toContain(left);
  });

  test('what is no secret stays as it is', () => {
    const fields = {
      request_id: 'q3_xYz-01234',
      code: 'kestra_timeout',
      user: 'https://login.example.com:8443|eve@example.com',
      path: '/oauth/callback',
    };
    const line = logged(fields, 'exit code=1: get http://localhost:8080/api/v1/main/flows of company.team failed, tokens: 12');
    expect(JSON.parse(line)).toMatchObject({ ...fields, msg: expect.stringContaining('code=1: get http://localhost:8080/api') });
  });
});
