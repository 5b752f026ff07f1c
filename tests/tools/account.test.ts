import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { during } from '../harness/kestra.ts';
import { type Options, type Server, startServer } from '../harness/server.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { onEveryKestra, versions } from './setting.ts';

/** Runs one program with other settings than the shared one. */
const withServer = async <T>(options: Options, use: (server: Server) => Promise<T>): Promise<T> => {
  const server = await startServer(options);
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
};

const variables = 'KESTRA_API_TOKEN, or KESTRA_USERNAME and KESTRA_PASSWORD';
const howToSet = `set ${variables} in the settings of this MCP server and restart it`;
const noCredential = { KESTRA_USERNAME: undefined, KESTRA_PASSWORD: undefined, KESTRA_API_TOKEN: undefined };

onEveryKestra('auth_status', (at) => {
  test('says who, with which role, on which Kestra, whether the credential is accepted, and which tools there are', async () => {
    const { text, structured } = await at.server.call('auth_status');
    expect(structured).toEqual({
      you: 'the person who started this server',
      user_key: 'stdio',
      signed_in: 'stdio: no sign-in, the environment of this process counts',
      roles: [{ name: 'kestra-admin', from: 'KESTRA_MCP_ROLE' }],
      namespaces: 'all',
      kestra: { version: at.version, edition: 'OSS' },
      kestra_credential: 'accepted by Kestra',
      tools: {
        allowed: expect.arrayContaining(['search_namespaces', 'execute_flow', 'auth_status']),
        only_in_kestra_enterprise: expect.arrayContaining(['list_apps', 'get_app', 'create_app']),
      },
    });
    expect(text).not.toContain(at.kestra.url);
    expect(text).not.toContain('Kestra-1234');
  });

  test('says which permission each tool needs that the role does not have', async () => {
    await withServer({ kestra: at.kestra, env: { KESTRA_MCP_ROLE: 'kestra-viewer' } }, async (server) => {
      const { structured } = await server.call('auth_status');
      expect(structured).toMatchObject({
        roles: [{ name: 'kestra-viewer', from: 'KESTRA_MCP_ROLE' }],
        tools: {
          not_allowed: {
            create_or_update_flow: 'needs kestra.flow.write',
            execute_flow: 'needs kestra.flow.execute',
            kill_execution: 'needs kestra.execution.write',
          },
        },
      });
    });
  });

  test('says that a wrong password is refused, and what to set', async () => {
    await withServer({ kestra: at.kestra, env: { KESTRA_PASSWORD: 'wrong-and-secret' } }, async (server) => {
      const { structured, text, isError } = await server.call('auth_status');
      expect(isError).toBe(false);
      expect(structured.kestra_credential).toBe(`refused by Kestra: ${howToSet}`);
      expect(text + server.stderr).not.toContain('wrong-and-secret');
      const other = await server.call('search_namespaces');
      expect(other).toMatchObject({ isError: true, structured: { error: 'kestra_unauthorized' } });
      expect(other.structured.message).toContain('auth_status says how to set a valid one');
    });
  });

  test('says that there is none, and then no tool sends anything to Kestra', async () => {
    await withServer({ kestra: at.kestra, env: noCredential }, async (server) => {
      const { structured } = await server.call('auth_status');
      expect(structured.kestra_credential).toBe(`none: ${howToSet}`);
      const { result, requests } = await during(at.kestra, () => server.call('search_namespaces'));
      expect(result).toMatchObject({ isError: true, structured: { error: 'no_credential' } });
      expect(result.structured.message).toBe(
        `No Kestra credential is set. In the settings of this MCP server, set ${variables}, then restart it.`,
      );
      expect(requests).toEqual([]);
    });
  });

  test('says that Kestra is down, without its address', async () => {
    const gone = await startKestra({ version: at.version });
    await gone.close();
    await withServer({ kestra: gone }, async (server) => {
      const { structured, text, isError } = await server.call('auth_status');
      expect(isError).toBe(false);
      expect(structured).toMatchObject({
        kestra: { problem: expect.stringMatching(/^Kestra is not reachable\./) },
        kestra_credential: 'set; Kestra can not be asked at the moment whether it accepts it',
      });
      expect(text).not.toContain(gone.url.replace('http://', ''));
    });
  });

  test('takes no arguments', async () => {
    const { structured } = await at.server.call('auth_status', { user: 'me' });
    expect(structured).toEqual({ error: 'invalid_input', message: 'There is no argument "user": the tool takes no arguments.' });
  });
});

describe.each(versions)('auth_status on Kestra Enterprise %s', (version) => {
  let kestra: Kestra;
  beforeAll(async () => {
    kestra = await startKestra({ version, edition: 'EE' });
  });
  afterAll(() => kestra.close());

  test('says that a token is accepted', async () => {
    await withServer({ kestra }, async (server) => {
      const { structured, text } = await server.call('auth_status');
      expect(structured).toMatchObject({ kestra: { version, edition: 'EE' }, kestra_credential: 'accepted by Kestra' });
      expect(structured.tools).not.toHaveProperty('only_in_kestra_enterprise');
      expect(text).not.toContain('kestra-admin-token');
    });
  });

  test('says that a token is refused, though this Kestra then does not even tell its version', async () => {
    await withServer({ kestra, env: { KESTRA_API_TOKEN: 'expired-and-secret' } }, async (server) => {
      const { structured, text } = await server.call('auth_status');
      expect(structured.kestra_credential).toBe(`refused by Kestra: ${howToSet}`);
      expect(structured.kestra).toEqual(
        version === '1.3.25'
          ? { version, edition: 'EE' }
          : { problem: 'It answers, but says what it is only to a credential that it accepts.' },
      );
      expect(text + server.stderr).not.toContain('expired-and-secret');
    });
  });
});

onEveryKestra('register_kestra_token', (at) => {
  test('says over stdio which variables to set', async () => {
    const { result, requests } = await during(at.kestra, () => at.server.call('register_kestra_token'));
    expect(result).toMatchObject({
      isError: false,
      structured: { done: 'nothing was stored', how: `To use a Kestra credential, ${howToSet}.` },
    });
    expect(result.structured).not.toHaveProperty('warning');
    expect(requests).toEqual([]);
  });

  test('with a token warns that it has been seen, stores nothing, and repeats it nowhere', async () => {
    const token = 'kestra-token-0123456789';
    const { result, requests } = await during(at.kestra, () => at.server.call('register_kestra_token', { token }));
    expect(result.structured).toMatchObject({
      done: 'nothing was stored',
      warning: 'The token that you gave has been in this conversation: revoke it in Kestra and make a new one.',
    });
    expect(requests).toEqual([]);
    const wrong = await at.server.call('register_kestra_token', { token: [token] });
    expect(wrong.isError).toBe(true);
    expect(JSON.stringify([result, wrong]) + at.server.stderr).not.toContain(token);
  });
});
