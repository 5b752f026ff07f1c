import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { pkce, type Tokens } from '../auth/harness.ts';
import { Jar } from '../auth/jar.ts';
import { describePostgres } from '../harness/postgres.ts';
import { Fleet } from './fleet.ts';

const kills = Math.max(2, Number(process.env.KILL_ROUNDS ?? 0) / 10);

describePostgres('replicas and what fails around them', () => {
  let fleet: Fleet;
  let clientId: string;
  let tokens: Tokens;
  beforeAll(async () => {
    fleet = await Fleet.start([{}, {}], { database: [] });
    clientId = await fleet.words.reg();
  }, 60_000);
  afterAll(() => fleet.stop());
  beforeEach(async () => {
    ({ tokens } = await fleet.words.signIn({ clientId }));
  });
  afterEach(() => {
    for (const replica of fleet.replicas) expect(replica.running).toBe(true);
    for (const { stdout, stderr } of fleet.replicas) expect(stdout + stderr).not.toContain('CANARY-of-the-database');
  });

  const timed = async (answer: Promise<Response>): Promise<{ status: number; ms: number; headers: Headers; body: string }> => {
    const from = performance.now();
    const response = await answer;
    return { status: response.status, headers: response.headers, body: await response.text(), ms: performance.now() - from };
  };
  const recovers = async (): Promise<void> => {
    const from = performance.now();
    while ((await Promise.all(fleet.replicas.map((replica) => replica.ready()))).some(({ status }) => status !== 200)) {
      expect(performance.now() - from).toBeLessThan(5000);
      await pause(50);
    }
    expect((await fleet.words.mcp(tokens.access_token)).status).toBe(200);
    const refreshed = await fleet.words.refresh(clientId, tokens.refresh_token);
    expect(refreshed.status, await refreshed.text()).toBe(200);
  };
  const nobodyIsLoggedOut = async (): Promise<void> => {
    const [called, refreshed, live, ready] = await Promise.all([
      timed(fleet.words.mcp(tokens.access_token)),
      timed(fleet.words.refresh(clientId, tokens.refresh_token)),
      timed(fetch(`${fleet.replica(0).own}/livez`)),
      timed(fetch(`${fleet.replica(1).own}/readyz`)),
    ]);
    for (const { status, headers, ms } of [called, refreshed]) {
      expect(status).toBe(503);
      expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0);
      expect(headers.has('WWW-Authenticate')).toBe(false);
      expect(ms).toBeLessThan(2500);
    }
    expect(refreshed.body).toContain('temporarily_unavailable');
    expect(live.status).toBe(200);
    expect(live.ms).toBeLessThan(500);
    expect(ready).toMatchObject({ status: 503 });
    expect(ready.ms).toBeLessThan(2500);
    expect(JSON.parse(ready.body)).toMatchObject({ parts: { store: 'failing' } });
  };

  it('P06, P08, P09: a frozen database is 503 with Retry-After, alive and not ready, and is back within 5 s', async () => {
    fleet.server.freeze();
    try {
      await nobodyIsLoggedOut();
    } finally {
      fleet.server.thaw();
    }
    await recovers();
  });

  it('P06, P08: so is one that is gone', async () => {
    await fleet.server.stop('immediate');
    await nobodyIsLoggedOut();
    await fleet.server.resume();
    await recovers();
  });

  it('P22: the database restarts under load: the programs live, nobody is logged out', async () => {
    let done = false;
    const answers: number[] = [];
    const load = Array.from({ length: 4 }, async () => {
      while (!done) {
        const { status } = await fleet.words.mcp(tokens.access_token);
        answers.push(status);
      }
    });
    for (const mode of ['fast', 'immediate'] as const) {
      await pause(200);
      await fleet.server.restart(mode);
    }
    await pause(200);
    done = true;
    await Promise.all(load);
    expect(answers.filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect(answers.filter((status) => status === 200).length).toBeGreaterThan(10);
    await recovers();
  });

  it(
    `P02: ${kills} times kill -9 of a replica in a storm of refreshes: the others go on with the last known tokens`,
    async () => {
      const people = await Promise.all(Array.from({ length: 4 }, () => fleet.words.signIn({ clientId })));
      const held = people.map((person) => person.tokens.refresh_token);
      let refreshes = 0;
      for (let kill = 0; kill < kills; kill += 1) {
        let done = false;
        const storm = held.map(async (_, i) => {
          while (!done) {
            // A connection that breaks says nothing of what was done: the same token is sent again.
            const answer = await fleet.words.refresh(clientId, held[i] ?? '').catch(() => undefined);
            const body = await answer?.json().catch(() => undefined);
            if (answer === undefined || body === undefined || answer.status === 503) continue;
            expect(answer.status, JSON.stringify(body)).toBe(200);
            held[i] = (body as Tokens).refresh_token;
            refreshes += 1;
          }
        });
        const victim = kill % 2;
        await pause(150 + Math.random() * 150);
        await fleet.replica(victim).kill();
        await pause(100);
        fleet.balancer.ports[victim] = undefined;
        await fleet.begin(victim);
        done = true;
        await Promise.all(storm);
      }
      expect(refreshes).toBeGreaterThan(kills * 4);
      for (const token of held) expect((await fleet.words.refresh(clientId, token)).status).toBe(200);
    },
    60_000 + kills * 5000,
  );
});

describePostgres('replicas whose clocks are wrong', () => {
  const shifted = (ms: number) => ({
    NODE_OPTIONS: `--import ${new URL('shifted-clock.mjs', import.meta.url).href}`,
    TEST_CLOCK_SHIFT: String(ms),
  });

  it('P19: 90 s before and behind give the same answers', async () => {
    const fleet = await Fleet.start([shifted(90_000), shifted(-90_000), {}], {
      common: { KESTRA_MCP_CODE_SECONDS: '30', KESTRA_MCP_CLAIMS_FRESH_SECONDS: '0' },
    });
    try {
      const { words, idp, balancer } = fleet;
      // Providers name the second from which a token is good; a clock that is behind would wait for it.
      idp.breaks.claims = (claims) => ({ ...claims, nbf: claims.iat });
      const clientId = await words.reg();
      for (let first = 0; first < 3; first += 1) {
        const jar = new Jar();
        const { verifier, challenge } = pkce();
        balancer.next(first);
        const page = await words.authorize(jar, { client_id: clientId, code_challenge: challenge });
        const callback = await words.login(jar, 'eve', await words.approve(jar, page));
        const code = new URL(callback.headers.get('Location') ?? 'about:blank').searchParams.get('code') ?? '';
        const answer = await words.redeem({ client_id: clientId, code, code_verifier: verifier });
        let held = (await answer.json()) as Tokens;
        expect(held.expires_in).toBe(900);
        // Each refresh asks the provider, on each of them.
        for (let turn = 0; turn < 3; turn += 1) {
          expect((await words.mcp(held.access_token)).status).toBe(200);
          const refreshed = await words.refresh(clientId, held.refresh_token);
          expect(refreshed.status).toBe(200);
          held = (await refreshed.json()) as Tokens;
          expect(held.expires_in).toBe(900);
        }
      }
      const clocks = fleet.replicas.map(({ stderr }) => Date.parse(/"time":"([^"]+)"/.exec(stderr)?.[1] ?? ''));
      expect(Math.max(...clocks) - Math.min(...clocks)).toBeGreaterThan(170_000);
    } finally {
      await fleet.stop();
    }
  }, 60_000);
});
