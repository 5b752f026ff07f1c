import type { Engine } from '../engine.ts';
import { refuseNewer, type SchemaRow } from '../schema.ts';
import type { Store } from '../store.ts';
import { type Audited, telling } from '../telling.ts';
import { one, type Work } from '../work.ts';
import { accountStore } from './account.ts';
import { auditStore } from './audit.ts';
import { clientStore } from './clients.ts';
import { codeStore } from './codes.ts';
import { counterStore } from './counters.ts';
import { credentialStore } from './credentials.ts';
import { keyStore } from './keys.ts';
import { providerStore } from './provider.ts';
import { refreshStore } from './refresh.ts';
import { revocationStore } from './revocation.ts';
import { signInStore } from './sign-ins.ts';
import { sweepStore } from './sweep.ts';
import { userStore } from './users.ts';

/** The store on an engine. @param onAudited told of every row of the audit, once it is kept */
export const storeOn = (bare: Engine, onAudited?: (row: Audited) => void): Store => {
  const engine = onAudited ? telling(bare, onAudited) : bare;
  return {
    ...clientStore(engine),
    ...signInStore(engine),
    ...codeStore(engine),
    ...refreshStore(engine),
    ...providerStore(engine),
    ...revocationStore(engine),
    ...credentialStore(engine),
    ...accountStore(engine),
    ...userStore(engine),
    ...auditStore(engine),
    ...counterStore(engine),
    ...keyStore(engine),
    ...sweepStore(engine),
    now: () => engine.now(),
    check: () =>
      engine.write(function* (): Work<void> {
        const schema = yield* one<SchemaRow>('SELECT version, readable_by FROM schema');
        // A newer replica has contracted what this one still uses: it can only step aside.
        if (schema) refuseNewer(schema);
      }),
    close: () => engine.close(),
  };
};
