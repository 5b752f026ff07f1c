import type { Engine } from './engine.ts';
import type { AuditEvent, Origin } from './records.ts';
import type { Work } from './work.ts';

/** A row of the audit, as it was written. */
export type Audited = AuditEvent & Origin;

/** The same engine, and somebody is told of the rows of the audit that a transaction wrote, once they are kept. */
export const telling = (engine: Engine, tell: (row: Audited) => void): Engine => {
  const kept = async <T>(write: (noting: <W>(work: (now: number) => Work<W>) => (now: number) => Work<W>) => Promise<T>): Promise<T> => {
    let rows: Audited[] = [];
    const result = await write(
      (work) =>
        function* (now) {
          // It may run again.
          rows = [];
          const steps = work(now);
          let step = steps.next();
          while (!step.done) {
            if (step.value.audited) rows.push(step.value.audited);
            step = steps.next(yield step.value);
          }
          return step.value;
        },
    );
    for (const row of rows) tell(row);
    return result;
  };
  const { keyring, lifetimes, bounds } = engine;
  return {
    keyring,
    lifetimes,
    bounds,
    write: (work) => kept((noting) => engine.write(noting(work))),
    writeAlone: (name, work) => kept((noting) => engine.writeAlone(name, noting(work))),
    glance: (work) => engine.glance(work),
    now: () => engine.now(),
    close: () => engine.close(),
  };
};
