import { asPublicError } from '../errors.ts';
import type { Store } from './store.ts';

/** The same store, and somebody is told how long each operation took, and with which code it failed. */
export const watched = (store: Store, onDone: (operation: string, ms: number, problem?: string) => void): Store =>
  Object.fromEntries(
    Object.entries(store).map(([name, part]: [string, unknown]) => [name, isOperation(part) ? timed(name, part, onDone) : part]),
  ) as unknown as Store;

type Operation = (...input: unknown[]) => unknown;

const isOperation = (part: unknown): part is Operation => typeof part === 'function';

const timed =
  (operation: string, run: Operation, onDone: (operation: string, ms: number, problem?: string) => void) =>
  async (...input: unknown[]): Promise<unknown> => {
    const started = performance.now();
    try {
      const result = await run(...input);
      onDone(operation, performance.now() - started);
      return result;
    } catch (thrown) {
      onDone(operation, performance.now() - started, asPublicError(thrown).code);
      throw thrown;
    }
  };
