import { asPublicError } from '../errors.ts';
import { connectKestra } from '../kestra/client.ts';
import { checkCredential } from '../tools/account.ts';
import { type Command, exitCode } from './command.ts';

/** Looks at everything that must be right before the server can work, and says of each what to do if it isn't. */
export const check: Command = {
  name: 'check',
  usage: '',
  about: 'look whether everything is set up: settings, Kestra, its version and edition, the credential',
  run: async (_, { config, log, print }) => {
    let failed = false;
    const problem = (what: string, todo: string) => {
      failed = true;
      print(`PROBLEM  ${what}: ${todo}`);
    };
    for (const warning of config.warnings) print(`warning  ${warning}`);
    print('ok       settings');
    const kestra = connectKestra(config.kestra, log);
    try {
      const instance = await kestra.instance(config.credential);
      print(`ok       Kestra answers at ${config.kestra.url}`);
      print(
        `ok       version ${instance.version}, ${instance.edition === 'EE' ? 'Enterprise' : 'open source'} edition, tenant ${config.kestra.tenant}`,
      );
      if (!config.credential) {
        problem('credential', 'none is set. Set KESTRA_API_TOKEN (Enterprise), or KESTRA_USERNAME and KESTRA_PASSWORD (open source).');
      } else {
        await checkCredential(kestra.as({ credential: config.credential }), instance).then(
          () => print('ok       Kestra accepts the credential'),
          (thrown: unknown) => problem('credential', inWords(thrown)),
        );
      }
    } catch (thrown) {
      problem(`Kestra at ${config.kestra.url}`, inWords(thrown));
    } finally {
      await kestra.close();
    }
    return failed ? exitCode.failed : exitCode.ok;
  },
};

const inWords = (thrown: unknown): string => {
  const { code, message, quoted } = asPublicError(thrown);
  if (code === 'kestra_unauthorized') return 'Kestra refuses it. Set a valid one.';
  return quoted ? `${message} Kestra says: ${quoted}` : message;
};
