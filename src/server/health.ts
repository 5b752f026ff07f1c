import { Router } from 'express';

/** What /readyz looks at: rejects, with a PublicError at best, when it is not well. */
export type Probe = () => Promise<void>;

export interface Health {
  /** Without it nothing can be served: 503 when it isn't well. */
  readonly store: Probe;
  /** Reported, not fatal: sign-ins or tools fail with a text of their own, and no token is lost. */
  readonly others: Readonly<Record<string, Probe>>;
  /** Aborted when the program has been told to stop. */
  readonly stopping: AbortSignal;
}

const longestMs = 2000;

const isWell = async (probe: Probe): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), longestMs);
  });
  const answer = probe().then(
    () => true,
    () => false,
  );
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
};

/** /livez: the process turns. /readyz: it can serve; says which part is not well, and never why (that is in the log). */
export const health = ({ store, others, stopping }: Health): Router => {
  const router = Router({ caseSensitive: true, strict: true });
  router.get('/livez', (_, response) => {
    response.json({ status: 'ok' });
  });
  router.get('/readyz', async (_, response) => {
    const probes = Object.entries({ store, ...others });
    const parts = Object.fromEntries(
      await Promise.all(probes.map(async ([name, probe]) => [name, (await isWell(probe)) ? 'ok' : 'failing'])),
    );
    const ready = parts.store === 'ok' && !stopping.aborted;
    const status = stopping.aborted ? 'stopping' : !ready ? 'failing' : Object.values(parts).includes('failing') ? 'degraded' : 'ok';
    response.status(ready ? 200 : 503).json({ status, parts });
  });
  return router;
};
