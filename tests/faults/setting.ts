import { freePort } from '../harness/free-port.ts';
import { metricsOf } from '../harness/metrics.ts';
import { Program, settings } from '../harness/program.ts';
import { defaultUsers } from '../kestra/users.ts';
import { hello } from '../tools/setting.ts';
import { Dependency } from './dependency.ts';

export interface Setting {
  readonly kestra: Dependency;
  readonly provider: Awaited<ReturnType<typeof Dependency.identityProvider>>;
  readonly program: Program;
  /** The access token of a user who has signed in. */
  token(user?: string): Promise<string>;
  metrics(): Promise<Map<string, number>>;
  /**
   * How long the program's event loop lagged while calls went on for two seconds, in milliseconds. The worst tenth counts: a single moment on
   * a busy machine tells nothing.
   */
  lagDuring(call: () => Promise<unknown>): Promise<number>;
  stop(): Promise<void>;
}

/** The program between a Kestra and a provider that can be frozen and killed, each in a process of its own. */
export const setUp = async (
  env: Readonly<Record<string, string>> = {},
  kestraOptions: Parameters<typeof Dependency.kestra>[0] = {},
): Promise<Setting> => {
  const [kestra, provider] = await Promise.all([
    Dependency.kestra({ flows: [hello('acme', 'hello')], ...kestraOptions }),
    Dependency.identityProvider(),
  ]);
  const port = await freePort();
  const program = await Program.start(
    {
      ...(await settings({ kestra, idp: provider.words })),
      KESTRA_CREDENTIALS: 'shared',
      KESTRA_API_TOKEN: defaultUsers[0]?.token,
      KESTRA_MCP_METRICS_PORT: String(port),
      ...env,
    },
    provider.words,
  );
  return {
    kestra,
    provider,
    program,
    token: async (user = 'eve') => (await program.client.signIn({ user })).tokens.access_token,
    metrics: () => metricsOf(port),
    lagDuring: async (call) => {
      await metricsOf(port);
      const end = performance.now() + 2000;
      const calls = async () => {
        while (performance.now() < end) await Promise.all([call(), new Promise((resolve) => setTimeout(resolve, 100))]);
      };
      await Promise.all([calls(), calls()]);
      return ((await metricsOf(port)).get('nodejs_eventloop_lag_p90_seconds') ?? Number.NaN) * 1000;
    },
    stop: async () => {
      for (const frozen of [kestra, provider]) frozen.thaw();
      await program.stop();
      await Promise.all([kestra.kill(), provider.kill()]);
    },
  };
};

/** What something gives, and how many milliseconds it took. */
export const timed = async <T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> => {
  const started = performance.now();
  const result = await work();
  return { result, ms: performance.now() - started };
};

/** Milliseconds until something works, which is tried again and again. */
export const untilWell = async (works: () => Promise<boolean>, mostMs = 15_000): Promise<number> => {
  const started = performance.now();
  while (!(await works().catch(() => false))) {
    if (performance.now() - started > mostMs) throw new Error(`it does not work after ${mostMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return performance.now() - started;
};
