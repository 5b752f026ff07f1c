import { openPolicyFile } from '../access/policy-file.ts';
import type { Config } from '../config.ts';
import { asPublicError } from '../errors.ts';
import { connectKestra } from '../kestra/client.ts';
import type { Log } from '../log.ts';
import { nameOfPlace } from '../store/open.ts';
import { checkCredential } from '../tools/account.ts';
import { type Command, exitCode } from './command.ts';
import { withStore } from './with-store.ts';

/** Looks at everything that must be right before the server can work, and says of each what to do if it isn't. */
export const check: Command = {
  name: 'check',
  usage: '',
  about: 'look whether everything is set up: settings, store, identity provider, Kestra and the credential',
  arguments: 0,
  run: async (_, { config, log, print }) => {
    let failed = false;
    const report: Report = {
      ok: (what) => print(`ok       ${what}`),
      problem: (what, thrown) => {
        failed = true;
        print(`PROBLEM  ${what}: ${typeof thrown === 'string' ? thrown : inWords(thrown)}`);
      },
    };
    for (const warning of config.warnings) print(`warning  ${warning}`);
    report.ok('settings');
    if (config.transport === 'http' && config.auth !== 'none') {
      checkPolicy(config, log, report);
      await checkStore(config, report);
      await checkProvider(config, log, report);
    }
    await checkKestra(config, log, report);
    return failed ? exitCode.failed : exitCode.ok;
  },
};

interface Report {
  ok(what: string): void;
  problem(what: string, thrown: unknown): void;
}

const checkPolicy = ({ policy }: Config, log: Log, { ok, problem }: Report): void => {
  if (policy === undefined) return;
  try {
    openPolicyFile(policy, log).close();
    ok('policy');
  } catch (thrown) {
    problem('policy', thrown);
  }
};

const checkStore = (config: Config, { ok, problem }: Report): Promise<void> =>
  withStore(
    config,
    async (store) => {
      await store.check();
      const missing = (await store.keyUse()).filter(({ name, rows }) => name === undefined && rows > 0);
      if (missing.length === 0) ok(`store ${nameOfPlace(config.store.location)}, and its keys`);
      else problem('store', `${missing.length} keys that seal rows are not in ENCRYPTION_KEYS: put them back, or run rotate-keys`);
    },
    { allowMissingKeys: true },
  ).catch((thrown: unknown) => problem('store', thrown));

const checkProvider = async ({ oidc }: Config, log: Log, { ok, problem }: Report): Promise<void> => {
  if (!oidc)
    return problem(
      'identity provider',
      'none is set: OIDC_ISSUER_URL, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET. For yourself alone, use --stdio.',
    );
  // Loaded here alone: a stdio server, which lists its tools sooner without it, is the same program.
  const { createIdentityProvider, ProviderUnreachable } = await import('../auth/oidc.ts');
  const provider = createIdentityProvider({ config: oidc, log });
  await provider.ready().then(
    () => ok(`identity provider ${oidc.issuer} (${provider.preset})`),
    (thrown: unknown) => problem('identity provider', thrown instanceof ProviderUnreachable ? thrown.message : thrown),
  );
};

const checkKestra = async (config: Config, log: Log, { ok, problem }: Report): Promise<void> => {
  const kestra = connectKestra(config.kestra, log);
  const perUser = config.transport === 'http' && config.credentials === 'per-user';
  const credential = perUser ? undefined : config.credential;
  try {
    const instance = await kestra.instance(credential);
    ok(`Kestra answers at ${config.kestra.url}`);
    ok(`version ${instance.version}, ${instance.edition === 'EE' ? 'Enterprise' : 'open source'} edition, tenant ${config.kestra.tenant}`);
    if (credential) {
      await checkCredential(kestra.as({ credential }), instance).then(
        () => ok('Kestra accepts the credential'),
        (thrown: unknown) => problem('credential', thrown),
      );
    } else if (!perUser) {
      problem('credential', 'none is set. Set KESTRA_API_TOKEN (Enterprise), or KESTRA_USERNAME and KESTRA_PASSWORD (open source).');
    }
  } catch (thrown) {
    // Kestra Enterprise 2 says what it is only to those it knows.
    const anonymous = asPublicError(thrown).code === 'kestra_unauthorized' && !credential;
    if (anonymous) ok(`Kestra answers at ${config.kestra.url}, and says its version only to those it knows`);
    if (!anonymous || !perUser) problem(`Kestra at ${config.kestra.url}`, thrown);
  } finally {
    await kestra.close();
  }
  if (perUser) ok('each user registers an own Kestra credential');
};

const inWords = (thrown: unknown): string => {
  const { code, message, quoted } = asPublicError(thrown);
  if (code === 'kestra_unauthorized') return 'Kestra refuses it. Set a valid one.';
  return quoted ? `${message} Kestra says: ${quoted}` : message;
};
