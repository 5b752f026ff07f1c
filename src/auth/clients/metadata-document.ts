import { z } from 'zod';
import type { Log } from '../../log.ts';
import type { Limits } from '../limits.ts';
import { OAuthError } from '../oauth-error.ts';
import type { Client } from './client.ts';
import type { Fetched, GuardedFetch } from './guarded-fetch.ts';
import { parseClientMetadata } from './metadata.ts';
import type { RedirectPolicy } from './redirect-uri.ts';

const longestUrl = 2000;
const mostKept = 200;
const longestKeptMs = 24 * 60 * 60 * 1000;
const keptWithoutWordMs = 5 * 60 * 1000;

/** Is this client_id meant as the URL of a metadata document? Everything else is a client that we registered ourselves. */
export const isDocumentUrl = (clientId: string): boolean => /^https:/i.test(clientId);

/**
 * Why this client_id is no URL that we would fetch; undefined if it is. Judged as written, before any parser mends it: https, a name
 * with a dot in it and no port, a path, and no dot segments, user information or fragment (draft-ietf-oauth-client-id-metadata-document §3).
 */
export const documentUrlProblem = (url: string, hosts: readonly string[]): string | undefined => {
  if (url.length > longestUrl || !/^https:\/\/[\x21-\x7e]+$/.test(url) || /["<>\\^`{|}#]/.test(url)) return 'is no plain https URL';
  const [, host = '', path = ''] = /^https:\/\/([^/?]*)([^?]*)/.exec(url) ?? [];
  if (!/^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?$/.test(host)) return 'does not name a public host';
  if (path.length < 2) return 'has no path';
  if (/%(?:2e|2f|5c|[01][0-9a-f]|7f|(?![0-9a-f]{2}))/i.test(path) || !URL.canParse(url) || new URL(url).href !== url)
    return 'is not in its normal form';
  if (hosts.length > 0 && !hosts.some((allowed) => host === allowed || (allowed.startsWith('*.') && host.endsWith(allowed.slice(1)))))
    return 'is on a host that is not allowed here';
  return undefined;
};

/** What only a document must say beyond RFC 7591: that it is this client's, and that it isn't built on a secret. */
const documentOwn = z.object({
  client_id: z.string(),
  client_name: z.string().min(1),
  client_secret: z.undefined().optional(),
  client_secret_expires_at: z.undefined().optional(),
  token_endpoint_auth_method: z.literal('none').nullish(),
});

export interface MetadataDocuments {
  /** The client that this URL describes. @throws OAuthError in words for the person in the browser */
  client(url: string): Promise<Client>;
}

export interface DocumentSettings {
  readonly fetch: GuardedFetch;
  readonly policy: RedirectPolicy;
  /** The hosts to which documents are limited (`*.example.com` for all below); empty = any public one. */
  readonly hosts: readonly string[];
  readonly limits: Limits;
  readonly log: Log;
  readonly clock?: () => number;
}

/**
 * Client-id metadata documents: fetched when a person comes to /authorize, one fetch at a time for each URL, good ones kept as long as
 * their HTTP headers say (at most a day), errors never.
 */
export const createMetadataDocuments = ({ fetch, policy, hosts, limits, log, clock = Date.now }: DocumentSettings): MetadataDocuments => {
  // Each replica fetches for itself: what it keeps is a copy, and the limits on fetching are shared.
  const kept = new Map<string, { client: Client; until: number }>();
  const underWay = new Map<string, Promise<Client>>();

  const load = async (url: string): Promise<Client> => {
    const document = await fetch(url).catch((error: unknown) => {
      log.warn({ client: url, err: error }, 'client metadata document not fetched');
      throw refused(url, 'could not be fetched');
    });
    if (document.status !== 200) throw refused(url, `answered with status ${document.status}`);
    const client = read(url, document, policy);
    const keepMs = lifetime(document.headers);
    if (keepMs > 0) {
      if (kept.size >= mostKept) kept.delete(kept.keys().next().value ?? '');
      kept.set(url, { client, until: clock() + keepMs });
    }
    return client;
  };

  return {
    client: async (url) => {
      const problem = documentUrlProblem(url, hosts);
      if (problem) throw new OAuthError('invalid_client', `the client_id ${problem}`);
      const known = kept.get(url);
      if (known && known.until > clock()) return known.client;
      kept.delete(url);
      const running = underWay.get(url);
      if (running) return running;
      const started = limits
        .take('document', new URL(url).hostname)
        .then(() => load(url))
        .finally(() => underWay.delete(url));
      underWay.set(url, started);
      return started;
    },
  };
};

const read = (url: string, { headers, body }: Fetched, policy: RedirectPolicy): Client => {
  if (!/^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i.test(String(headers['content-type'] ?? ''))) throw refused(url, 'is no JSON');
  const input = parse(url, body);
  const own = documentOwn.safeParse(input);
  if (!own.success) {
    const member = String(own.error.issues[0]?.path[0] ?? 'client_id');
    throw refused(url, member === 'client_id' || member === 'client_name' ? `has no ${member}` : `has a ${member} that is not supported`);
  }
  if (own.data.client_id !== url) throw refused(url, 'belongs to another client_id');
  const { authMethod: _, ...metadata } = held(url, input, policy);
  return { id: url, ...metadata, source: 'metadata-document' };
};

const parse = (url: string, body: string): unknown => {
  try {
    return JSON.parse(body);
  } catch {
    throw refused(url, 'is no JSON');
  }
};

const held = (url: string, input: unknown, policy: RedirectPolicy) => {
  try {
    return parseClientMetadata(input, policy);
  } catch (error) {
    if (error instanceof OAuthError) throw refused(url, `is not acceptable: ${error.message}`);
    throw error;
  }
};

/** How long RFC 9111 lets us keep it. */
const lifetime = (headers: Fetched['headers']): number => {
  const control = String(headers['cache-control'] ?? '').toLowerCase();
  if (/\bno-(?:store|cache)\b/.test(control)) return 0;
  const [, maxAge] = /(?:^|[\s,])max-age="?(\d{1,9})/.exec(control) ?? [];
  if (maxAge === undefined) return keptWithoutWordMs;
  return Math.min(Math.max(Number(maxAge) - Number(headers.age ?? 0) || 0, 0) * 1000, longestKeptMs);
};

const refused = (url: string, reason: string) =>
  new OAuthError('invalid_client', `The document by which this application describes itself (${new URL(url).host}) ${reason}.`);
