import { describe } from 'vitest';
import { accountContract } from './account.ts';
import { clientsContract } from './clients.ts';
import { codesContract } from './codes.ts';
import { credentialsContract } from './credentials.ts';
import { providerContract } from './provider.ts';
import { refreshContract } from './refresh.ts';
import { restContract } from './rest.ts';
import { revocationContract } from './revocation.ts';
import { signInsContract } from './sign-ins.ts';
import type { Engine } from './story.ts';
import { upkeepContract } from './upkeep.ts';

/** Every promise of `Store`, on whatever engine. */
export const describeStore = (engine: Engine) =>
  describe(`the store on ${engine.name}`, () => {
    clientsContract(engine);
    signInsContract(engine);
    codesContract(engine);
    refreshContract(engine);
    providerContract(engine);
    revocationContract(engine);
    credentialsContract(engine);
    accountContract(engine);
    upkeepContract(engine);
    restContract(engine);
  });
