import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { PublicError } from '../errors.ts';
import { keysOf } from '../store/seal.ts';
import { type Command, exitCode } from './command.ts';
import { openFernet } from './fernet.ts';
import { atTheTerminal, withStore } from './with-store.ts';

const predecessor = z.record(z.string(), z.string());

/**
 * Takes over the tokens of kestra-server-mcp: a JSON file of user ids and Fernet tokens, sealed with the same ENCRYPTION_KEY. They wait
 * under the provider's issuer and that id, and are adopted at the first sign-in that shows both. Running it again changes nothing.
 */
export const importTokens: Command = {
  name: 'import-tokens',
  usage: 'FILE',
  about: 'take over the token file of kestra-server-mcp (same ENCRYPTION_KEY)',
  arguments: 1,
  run: async ([file = ''], { config, print }) => {
    if (!config.oidc) throw new PublicError('misconfigured', 'OIDC_ISSUER_URL says whose users these are: set it.');
    const { issuer } = config.oidc;
    const tokens = await readTokens(file);
    const keys = keysOf(config.store.keys);
    return withStore(config, async (store) => {
      let imported = 0;
      const unreadable: string[] = [];
      for (const [subject, sealed] of Object.entries(tokens)) {
        const token = keys.map((key) => openFernet(sealed, key)).find((opened) => opened !== undefined);
        if (token === undefined) unreadable.push(subject);
        else {
          const secret = JSON.stringify({ kind: 'token', token });
          await store.importCredential(
            { user: { issuer, subject }, instance: config.store.instance },
            { secret, hint: `token ending in ${token.slice(-4)}` },
            atTheTerminal,
          );
          imported++;
        }
      }
      print(`${imported} tokens imported; each is adopted when its owner signs in.`);
      for (const subject of unreadable) print(`not imported: ${subject} (sealed with another ENCRYPTION_KEY, or changed)`);
      return unreadable.length > 0 ? exitCode.failed : exitCode.ok;
    });
  },
};

const readTokens = async (file: string): Promise<Record<string, string>> => {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new PublicError('invalid_input', `The file can't be read (${error.code}).`, error);
  });
  try {
    return predecessor.parse(JSON.parse(text));
  } catch (error) {
    throw new PublicError(
      'invalid_input',
      'The file is not a token file of kestra-server-mcp: it must be a JSON object of user ids and tokens.',
      error,
    );
  }
};
