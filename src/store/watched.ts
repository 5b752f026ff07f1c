import { asPublicError } from '../errors.ts';
import type { Store } from './store.ts';

/** The same store, and somebody is told how long each operation took, and with which code it failed. */
export const watched = (store: Store, onDone: (operation: string, ms: number, problem?: string) => void): Store =>
  Object.fromEntries(
    Object.entries(store).map(([operation, run]: [string, (...input: unknown[]) => Promise<unknown>]) => [
      operation,
      async (...input: unknown[]) => {
        const started = performance.now();
        try {
          const result = await run.apply(store, input);
          onDone(operation, performance.now() - started);
          return result;
        } catch (thrown) {
          onDone(operation, performance.now() - started, asPublicError(thrown).code);
          throw thrown;
        }
      },
    ]),
  ) as unknown as Store;
