import { text as readAll } from 'node:stream/consumers';
import { createVault } from '../auth/vault.ts';
import { asPublicError, PublicError } from '../errors.ts';
import { connectKestra } from '../kestra/client.ts';
import { checkCredential } from '../tools/account.ts';
import { type Command, exitCode } from './command.ts';
import { atTheTerminal, everyUser, findUser, nameOf, withStore } from './with-store.ts';

/** Gives a user a Kestra API token, after Kestra has accepted it. */
export const addToken: Command = {
  name: 'add-token',
  usage: 'TOKEN USER',
  about: 'store a Kestra API token for a user; TOKEN - reads it from standard input',
  arguments: 2,
  run: async ([token = '', user = ''], { config, log, print }) => {
    if (token !== '-')
      process.stderr.write('A token among the arguments can be read by everybody on this machine: - reads it from standard input.\n');
    const secret = (token === '-' ? await readAll(process.stdin) : token).trim();
    if (secret === '') throw new PublicError('invalid_input', 'The token is empty.');
    const credential = { kind: 'token', token: secret } as const;
    const kestra = connectKestra(config.kestra, log);
    try {
      await checkCredential(kestra.as({ credential }), await kestra.instance(credential));
    } catch (thrown) {
      const { code, message } = asPublicError(thrown);
      throw new PublicError(
        code,
        code === 'kestra_unauthorized' ? 'Kestra refuses the token; nothing was stored.' : `${message} Nothing was stored.`,
        thrown,
      );
    } finally {
      await kestra.close();
    }
    await withStore(config, async (store) => {
      const key = await findUser(store, user);
      await createVault(store, config.store.instance).put(key, credential, atTheTerminal);
      print(`Stored for ${nameOf(key)}.`);
    });
    return exitCode.ok;
  },
};

export const removeToken: Command = {
  name: 'remove-token',
  usage: 'USER',
  about: "remove a user's Kestra credential",
  arguments: 1,
  run: ([user = ''], { config, print }) =>
    withStore(config, async (store) => {
      const key = await findUser(store, user);
      const removed = await createVault(store, config.store.instance).remove(key, atTheTerminal);
      print(removed ? `Removed for ${nameOf(key)}.` : `${nameOf(key)} has no Kestra credential here.`);
      return removed ? exitCode.ok : exitCode.failed;
    }),
};

export const listUsers: Command = {
  name: 'list-users',
  usage: '',
  about: 'everybody who has signed in or been given a credential',
  arguments: 0,
  run: (_, { config, print }) =>
    withStore(config, async (store) => {
      for await (const { user, name, email, lastSeenAt, liveGrants, credentials } of everyUser(store)) {
        const credential = credentials.includes(config.store.instance) ? 'Kestra credential' : 'no Kestra credential';
        print(
          [
            nameOf(user),
            name ?? '-',
            email ?? '-',
            `last seen ${new Date(lastSeenAt).toISOString()}`,
            `${liveGrants} sign-ins`,
            credential,
          ].join('\t'),
        );
      }
      return exitCode.ok;
    }),
};

export const revoke: Command = {
  name: 'revoke',
  usage: 'USER',
  about: 'end every sign-in of a user, at once',
  arguments: 1,
  run: ([user = ''], { config, print }) =>
    withStore(config, async (store) => {
      const key = await findUser(store, user);
      const ended = await store.revokeUser(key, 'administrator_revoked', atTheTerminal);
      print(`${ended} sign-ins of ${nameOf(key)} ended, and tokens issued before now do not count.`);
      return exitCode.ok;
    }),
};
