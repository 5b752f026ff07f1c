import { z } from 'zod';
import type { KestraConfig } from '../config.ts';
import { PublicError } from '../errors.ts';
import type { Log } from '../log.ts';
import { beforehand, breakdown, notKestra, refusal } from './failure.ts';
import { type Line, lines } from './generated/routes.ts';
import { Outgoing, type Transport } from './transport.ts';

/** What a Kestra server says of itself (GET /api/v1/configs). */
export interface Instance {
  readonly version: string;
  readonly edition: 'OSS' | 'EE';
  /** The contract that is used for it. */
  readonly line: Line;
  /** Its address in a browser, without a trailing slash. */
  readonly uiUrl?: string;
}

/** Knows which Kestra it is talking to, and notices when that changes. */
export interface InstanceReader {
  /**
   * @param maxAgeMs how old the knowledge may be: a client of 1.x on a server that was upgraded doesn't fail, it silently gets unfiltered lists
   * @throws KestraError, never with a status or as something that may have arrived: what was to be called wasn't
   */
  read(authorization?: string, maxAgeMs?: number): Promise<Instance>;
  /** What is known already, if it is that young. */
  known(maxAgeMs: number): Instance | undefined;
  /** Kestra answered in a way that the knowledge doesn't explain: ask again before the next call. */
  doubt(): void;
}

export const freshForReads = 60_000;
export const freshForWrites = 5_000;

const soonMs = 2000;

/** What Kestra says of itself, or undefined if it does not say so within two seconds: for those who can do without. */
export const soon = async (asked: Promise<Instance>): Promise<Instance | undefined> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, soonMs, undefined).unref();
  });
  return Promise.race([asked.catch(() => undefined), late]).finally(() => clearTimeout(timer));
};

const configs = z.object({ version: z.string(), edition: z.enum(['OSS', 'EE']).catch('EE').default('OSS'), url: z.string().optional() });

export const createInstanceReader = (config: KestraConfig, transport: () => Promise<Transport>, log: Log): InstanceReader => {
  let known: { instance: Instance; at: number } | undefined;
  const asking = new Map<string | undefined, Promise<Instance>>();

  const ask = async (authorization?: string): Promise<Instance> => {
    const first = await request();
    const response = (first.status === 401 || first.status === 403) && authorization ? await request(authorization) : first;
    const { status } = response;
    const text = await response.text();
    if (status === 401 || status === 403 || status === 429 || status >= 500 || (status >= 300 && status < 400))
      throw refusal({ status, body: text, authorization });
    const parsed = configs.safeParse(json(text));
    if (!response.ok || !parsed.success) throw notKestra({ status });
    const { version, edition, url } = parsed.data;
    const line = lineOf(version);
    if (known?.instance.version !== version) {
      log.info({ version, edition, line }, 'kestra');
      if (!version.startsWith(`${line}.`))
        log.warn({ version, line }, 'this version of Kestra is not one that was tested: the nearest contract is used');
    }
    const instance: Instance = { version, edition, line, ...uiAddress(config.uiUrl ?? url) };
    known = { instance, at: Date.now() };
    return instance;
  };

  const request = async (authorization?: string) => {
    const { send } = await transport();
    return send(
      new Outgoing(`${config.url}/api/v1/configs`, {
        method: 'GET',
        sent: { accept: 'application/json', ...(authorization && { authorization }) },
        signal: AbortSignal.timeout(config.timeoutMs),
      }),
    );
  };

  const fresh = (maxAgeMs: number) => (known && Date.now() - known.at < maxAgeMs ? known.instance : undefined);

  return {
    known: fresh,
    read: (authorization, maxAgeMs = freshForReads) => {
      const instance = fresh(maxAgeMs);
      if (instance) return Promise.resolve(instance);
      const under = asking.get(authorization);
      if (under) return under;
      const answer = ask(authorization)
        .catch((thrown: unknown) => {
          throw beforehand(breakdown(thrown, undefined));
        })
        .finally(() => asking.delete(authorization));
      asking.set(authorization, answer);
      return answer;
    },
    doubt: () => {
      if (known) known.at = 0;
    },
  };
};

const json = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const uiAddress = (url: string | undefined): { uiUrl?: string } =>
  url && /^https?:\/\//.test(url) ? { uiUrl: url.replace(/\/+$/, '') } : {};

/** The highest known line that is not above the version; the lowest one for a version older than all, the newest for one without numbers. */
export const lineOf = (version: string): Line => {
  const [, major = Number.POSITIVE_INFINITY, minor = 0] = /(\d+)\.(\d+)/.exec(version)?.map(Number) ?? [];
  const below = lines.filter((line) => {
    const [a = 0, b = 0] = line.split('.').map(Number);
    return a < major || (a === major && b <= minor);
  });
  const line = below.at(-1) ?? lines[0];
  if (!line) throw new PublicError('internal', 'No contract of Kestra is built in.');
  return line;
};
