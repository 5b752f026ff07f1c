import { generateKey as newKey, parseKeyring } from '../store/seal.ts';
import { type Command, exitCode, type StandaloneCommand } from './command.ts';
import { withStore } from './with-store.ts';

const rowsAtOnce = 200;

export const generateKey: StandaloneCommand = {
  name: 'generate-key',
  usage: '',
  about: 'make a key for ENCRYPTION_KEY (needs no settings)',
  arguments: 0,
  standalone: true,
  run: async (_, { print }) => {
    print(newKey());
    return exitCode.ok;
  },
};

/** Seals everything with the ring's first key, so that the others can be dropped. */
export const rotateKeys: Command = {
  name: 'rotate-keys',
  usage: '',
  about: 'seal everything anew with the first key of ENCRYPTION_KEYS and say which others can go',
  arguments: 0,
  run: (_, { config, print }) =>
    withStore(
      config,
      async (store) => {
        let total = 0;
        for (;;) {
          const { resealed, more, unreadable } = await store.reseal(rowsAtOnce);
          total += resealed;
          if (more) continue;
          print(`${total} rows sealed anew.`);
          const use = await store.keyUse();
          for (const [place, { keyId, name }] of parseKeyring(config.store.keys).keys.entries()) {
            const rows = use.find((one) => one.keyId === keyId)?.rows ?? 0;
            print(`${name}: ${rows} rows${rows === 0 && place > 0 ? ', may be dropped' : ''}`);
          }
          for (const { keyId, name, rows } of use) if (name === undefined) print(`a key that is not in the ring (${keyId}): ${rows} rows`);
          if (unreadable === 0) return exitCode.ok;
          print(
            `${unreadable} rows can be opened with none of these keys: put the missing key back and run this again, or have those users register anew.`,
          );
          return exitCode.failed;
        }
      },
      { allowMissingKeys: true },
    ),
};
