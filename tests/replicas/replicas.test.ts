import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultRules } from '../../src/auth/limits.ts';
import { generateKey } from '../../src/store/seal.ts';
import { pkce, redirectUri, type Tokens } from '../auth/harness.ts';
import { Jar } from '../auth/jar.ts';
import { execute, executionsOf, reached, saveFlows } from '../harness/kestra.ts';
import { describePostgres } from '../harness/postgres.ts';
import { command } from '../harness/program.ts';
import { wireCall } from '../harness/wire-call.ts';
import { flow } from '../tools/setting.ts';
import { Fleet } from './fleet.ts';

/** How many races at least; a machine that has the time is told to do more. */
const rounds = Math.max(25, Number(process.env.STORE_ROUNDS ?? 0) / 10);

describePostgres('replicas', () => {
  describe.each([2, 4])('%i of them, started at once on an empty database', (count) => {
    let fleet: Fleet;
    let clientId: string;
    beforeAll(async () => {
      fleet = await Fleet.start(Array.from({ length: count }, () => ({})));
      clientId = await fleet.words.reg();
    }, 60_000);
    afterAll(() => fleet.stop());
    const all = () => Array.from({ length: count }, (_, i) => i);

    it('P20: one made the schema', async () => {
      expect(await fleet.server.sql('SELECT count(*)::int AS n, max(version)::int > 0 AS made FROM schema', fleet.location)).toEqual([
        { n: 1, made: true },
      ]);
    });

    it('P04: authorize on one, callback on the next, token on the next, MCP on the next, from each', async () => {
      const { words, balancer } = fleet;
      for (const first of all()) {
        const jar = new Jar();
        const { verifier, challenge } = pkce();
        const at = (i: number) => balancer.next((first + i) % count);
        at(0);
        const page = await words.authorize(jar, { client_id: clientId, code_challenge: challenge });
        at(3);
        const provider = await words.approve(jar, page);
        at(1);
        const callback = await words.login(jar, 'eve', provider);
        const code = new URL(callback.headers.get('Location') ?? '').searchParams.get('code') ?? '';
        at(2);
        const response = await words.redeem({ client_id: clientId, code, code_verifier: verifier });
        expect(response.status).toBe(200);
        const tokens = (await response.json()) as Tokens;
        at(3);
        expect((await fleet.replica(0).call(tokens.access_token, 'auth_status')).structured).toMatchObject({ you: 'Eve Editor' });
        at(1);
        expect((await words.refresh(clientId, tokens.refresh_token)).status).toBe(200);
        const served = balancer.passed.slice(-6).map(({ path, replica }) => `${path} ${(replica - first + count) % count}`);
        expect(served).toEqual(
          ['/authorize 0', '/authorize 3', '/oauth/callback 1', '/token 2', '/mcp 3', '/token 1'].map((one) =>
            one.replace(/\d/, (i) => String(Number(i) % count)),
          ),
        );
      }
    });

    it('P04: the account page, and what a revocation on one means on the others', async () => {
      const { words, balancer } = fleet;
      const jar = new Jar();
      balancer.next(0);
      const landing = await (await jar.fetch(`${words.base}/account`)).text();
      const fields = [...landing.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name = '', value = '']): [string, string] => [
        name,
        value,
      ]);
      const sent = await jar.fetch(`${words.base}/account/sign-in`, { method: 'POST', body: new URLSearchParams(fields) });
      expect((await words.login(jar, 'eve', sent.headers.get('Location') ?? '')).status).toBe(303);
      for (const _ of all()) expect(await (await jar.fetch(`${words.base}/account`)).text()).toContain('You are signed in as');
      const { tokens } = await words.signIn({ clientId });
      await words.revoke({ client_id: clientId, token: tokens.refresh_token });
      for (const _ of all()) expect((await words.mcp(tokens.access_token)).status).toBe(401);
    });

    it(`P05: in ${rounds} rounds one refresh token is used on all of them at once: one pair, which all of them answer`, async () => {
      const { words, balancer } = fleet;
      const { tokens } = await words.signIn({ clientId });
      let held = tokens.refresh_token;
      for (let round = 0; round < rounds; round += 1) {
        const before = balancer.passed.length;
        const answers = await Promise.all(all().map(() => words.refresh(clientId, held)));
        expect(answers.map(({ status }) => status)).toEqual(all().map(() => 200));
        const pairs = new Set(
          (await Promise.all(answers.map((answer) => answer.json() as Promise<Tokens>))).map((one) => one.refresh_token),
        );
        expect(pairs.size).toBe(1);
        expect(new Set(balancer.passed.slice(before).map(({ replica }) => replica)).size).toBe(count);
        [held = ''] = pairs;
      }
      expect(
        await fleet.server.sql(
          'SELECT count(*)::int AS n FROM (SELECT 1 FROM refresh_tokens GROUP BY grant_id, gen HAVING count(*) > 1) AS twins',
          fleet.location,
        ),
      ).toEqual([{ n: 0 }]);
    }, 120_000);

    it('P05: one code on all of them at once has one winner, and reuse ends what it won', async () => {
      const { words } = fleet;
      for (let round = 0; round < 5; round += 1) {
        const { code, clientId, verifier } = await words.code();
        const answers = await Promise.all(all().map(() => words.redeem({ client_id: clientId, code, code_verifier: verifier })));
        const won = answers.filter(({ status }) => status === 200);
        expect(won).toHaveLength(1);
        const tokens = (await won[0]?.json()) as Tokens;
        for (const _ of all()) expect((await words.mcp(tokens.access_token)).status).toBe(401);
      }
    });

    it('P14: an address has one limit, whichever replica it asks', async () => {
      const { words } = fleet;
      const register = (name: string) =>
        fetch(`${words.base}/register`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ client_name: name, redirect_uris: [redirectUri] }),
        });
      const { most } = defaultRules.registration;
      const answers: Response[] = [];
      for (let i = 0; i < most + 2 * count; i += 1) answers.push(await register(`client ${i}`));
      const refused = answers.filter(({ status }) => status === 429);
      // Some were registered by the tests before.
      expect(answers.filter(({ status }) => status === 201).length).toBeLessThanOrEqual(most);
      expect(refused.length).toBeGreaterThanOrEqual(2 * count);
      expect(Number(refused[0]?.headers.get('Retry-After'))).toBeGreaterThan(3000);
    });

    it('P14: a sign-in that ends on another replica than it began on is given back', async () => {
      const used = async () =>
        (await fleet.server.sql<{ n: number }>('SELECT coalesce(max(used), 0)::int AS n FROM counters WHERE used < 20', fleet.location))[0]
          ?.n;
      const before = await used();
      for (let i = 0; i < 5; i += 1) await fleet.words.signIn({ clientId });
      expect(await used()).toBe(before);
    });

    it('P11: one run_key on all of them at once starts one execution', async () => {
      const { words } = fleet;
      const { tokens } = await words.signIn({ clientId });
      await saveFlows(
        fleet.kestra,
        'id: once\nnamespace: acme\ntasks:\n  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: hello\n',
      );
      for (let round = 0; round < 10; round += 1) {
        const args = { namespace: 'acme', flow_id: 'once', run_key: `key ${round}`, wait: false };
        const runs = await Promise.all(all().map(() => fleet.replica(0).call(tokens.access_token, 'execute_flow', args)));
        expect(new Set(runs.map(({ structured, text }) => structured.execution_id ?? text)).size).toBe(1);
        expect(executionsOf(fleet.kestra, 'acme', 'once')).toHaveLength(round + 1);
      }
    }, 60_000);

    it('a user’s yes counts once, on whichever replicas it arrives', async () => {
      fleet.idp.users.set('ann', { sub: 'sub-ann', claims: { roles: ['kestra-admin'] } });
      const { tokens } = await fleet.words.signIn({ clientId, user: 'ann' });
      for (let round = 0; round < 5; round += 1) {
        const id = `again-${round}`;
        await saveFlows(fleet.kestra, flow('acme', id, 'log.Log', 'message: hello'));
        await reached(fleet.kestra, await execute(fleet.kestra, 'acme', id), 'SUCCESS');
        const ask = {
          token: tokens.access_token,
          tool: 'replay_executions',
          args: { namespace: 'acme', flow_id: id },
          can: { elicitation: { form: {} } },
        };
        const { result } = await wireCall(fleet.balancer.url, ask);
        expect(result?.resultType).toBe('input_required');
        const yes = {
          ...ask,
          requestState: result?.requestState,
          inputResponses: { confirm: { action: 'accept', content: { confirm: true } } },
        };
        const answers = await Promise.all([...all(), ...all()].map(() => wireCall(fleet.balancer.url, yes)));
        expect(answers.filter(({ result }) => result?.structuredContent?.done === 'started again: 1')).toHaveLength(1);
        expect(answers.filter(({ error }) => error?.message === 'Invalid or expired requestState')).toHaveLength(2 * count - 1);
        expect(executionsOf(fleet.kestra, 'acme', id)).toHaveLength(2);
      }
    }, 60_000);

    it('P11: a start that Kestra refused gives the run_key back', async () => {
      const { tokens } = await fleet.words.signIn({ clientId });
      for (let turn = 0; turn < count; turn += 1) {
        const args = { namespace: 'acme', flow_id: 'missing', run_key: 'again', wait: false };
        expect((await fleet.replica(0).call(tokens.access_token, 'execute_flow', args)).text).toContain('Nothing was started');
      }
    });

    it('P01, P07: each in turn is restarted under load, and no call fails', async () => {
      const { words, balancer } = fleet;
      const people = await Promise.all(Array.from({ length: 3 }, () => words.signIn({ clientId })));
      let done = false;
      let calls = 0;
      const wrong: unknown[] = [];
      const load = people.map(async ({ tokens }) => {
        let held = tokens;
        while (!done) {
          const called = await words.mcp(held.access_token, 'tools/call', { name: 'search_namespaces', arguments: {} });
          if (called.status !== 200 || !(await called.text()).includes('"result"')) wrong.push(called.status);
          const answer = await words.refresh(clientId, held.refresh_token);
          if (answer.status === 200) held = (await answer.json()) as Tokens;
          else if (answer.status !== 503 || !answer.headers.has('Retry-After')) wrong.push([answer.status, await answer.text()]);
          calls += 2;
        }
      });
      const someMore = async (count: number) => {
        const before = calls;
        while (calls < before + count) await new Promise((resolve) => setTimeout(resolve, 10));
      };
      for (const i of all()) {
        await someMore(6);
        expect(await fleet.roll(i)).toBe(0);
      }
      await someMore(20);
      done = true;
      await Promise.all(load);
      expect(wrong).toEqual([]);
      expect(new Set(balancer.passed.slice(-20).map(({ replica }) => replica)).size).toBeGreaterThan(1);
    }, 120_000);

    it('commands at the same database: who is here, and nobody is any more', async () => {
      const env = { ...fleet.environment, KESTRA_MCP_PORT: '1' };
      const listed = await command(['list-users'], env);
      expect(listed.stdout).toContain('eve@example.test');
      const checked = await command(['check'], env);
      expect(checked.stdout).toContain(`ok       store postgres://127.0.0.1:${fleet.server.port}/postgres, and its keys`);
      expect(checked.stdout + checked.stderr + listed.stderr).not.toContain('CANARY-of-the-database');
      const { tokens } = await fleet.words.signIn({ clientId });
      expect((await command(['revoke', 'eve@example.test'], env)).code).toBe(0);
      for (const _ of all()) expect((await fleet.words.mcp(tokens.access_token)).status).toBe(401);
    });
  });

  it('P15, P16: the first key changes replica by replica, and no sign-in notices', async () => {
    const [k1, k2] = [generateKey(), generateKey()];
    const rings = [`k1:${k1},k2:${k2}`, `k2:${k2},k1:${k1}`].map((ENCRYPTION_KEYS) => ({ ENCRYPTION_KEYS, ENCRYPTION_KEY: '' }));
    const fleet = await Fleet.start(rings);
    try {
      const clientId = await fleet.words.reg();
      for (let i = 0; i < 4; i += 1) {
        fleet.balancer.next(i);
        const { tokens } = await fleet.words.signIn({ clientId });
        for (let turn = 0; turn < 2; turn += 1) expect((await fleet.words.mcp(tokens.access_token)).status).toBe(200);
        expect((await fleet.words.refresh(clientId, tokens.refresh_token)).status).toBe(200);
      }
    } finally {
      await fleet.stop();
    }
  }, 60_000);
});
