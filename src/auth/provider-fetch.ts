import { AsyncLocalStorage } from 'node:async_hooks';
import { rootCertificates } from 'node:tls';
import { EnvHttpProxyAgent, fetch as undiciFetch } from 'undici';

/** Sends a request to the identity provider. The types of openid-client and jose both fit it. */
export type ProviderFetch = (url: string, init?: RequestInit) => Promise<Response>;

const most = 1_048_576;
const operation = new AsyncLocalStorage<{ signal: AbortSignal; seen?: (url: string, body: string) => void }>();
let running = 0;

/**
 * Runs requests to the provider that must all be answered within `ms`.
 * @param seen gets each answer's body as it came, before anybody judges it
 */
export const within = async <T>(ms: number, work: () => Promise<T>, seen?: (url: string, body: string) => void): Promise<T> => {
  const signal = AbortSignal.timeout(ms);
  running++;
  try {
    return await operation.run({ signal, seen }, work);
  } finally {
    // Node 20 and 22 follow every promise of the whole program while one of these is on: a tenth of each tools/call.
    if (--running === 0) operation.disable();
  }
};

/** Runs what several operations share, so that the end of one's time does not spoil it for the others. */
export const shared = <T>(work: () => Promise<T>): Promise<T> => operation.exit(work);

/** Waits for `work`, but not longer than the running operation may take. */
export const inTime = <T>(work: Promise<T>): Promise<T> => {
  const signal = operation.getStore()?.signal;
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const late = () => reject(signal.reason);
    if (signal.aborted) late();
    signal.addEventListener('abort', late, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
};

/**
 * A fetch for the identity provider: through HTTPS_PROXY where that is set, no redirects followed, at most 1 MB an answer,
 * and no longer than the running operation may take.
 * @param ca a certificate authority, PEM, beside the system's
 */
export const providerFetch = (ca?: string): ProviderFetch => {
  const trusted = ca ? { ca: [...rootCertificates, ca] } : {};
  const dispatcher = new EnvHttpProxyAgent({
    headersTimeout: 5000,
    bodyTimeout: 5000,
    connect: { ...trusted, timeout: 3000 },
    requestTls: trusted,
    proxyTls: trusted,
  });
  return async (url, init) => {
    const { signal, seen } = operation.getStore() ?? {};
    const signals = [signal, init?.signal].filter((one): one is AbortSignal => one instanceof AbortSignal);
    // The fetch of undici, not Node's: only the former takes its dispatcher. Their types differ in name only.
    const answer = (await undiciFetch(url, {
      ...(init as Parameters<typeof undiciFetch>[1]),
      redirect: 'manual',
      signal: signals.length > 0 ? AbortSignal.any(signals) : undefined,
      dispatcher,
    })) as unknown as Response;
    const body = await bounded(answer);
    seen?.(url, body);
    const empty = [204, 205, 304].includes(answer.status);
    return new Response(empty ? null : body, { status: answer.status, headers: answer.headers });
  };
};

const bounded = async (answer: Response): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    if (size > most) throw new Error("the identity provider's answer is larger than 1 MB");
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
};
