import { readFile } from 'node:fs/promises';
import { CORE_SCHEMA, load } from 'js-yaml';
import { z } from 'zod';
import { type Edition, methods } from './openapi.ts';

const operation = z.looseObject({
  operationId: z.string().optional(),
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string() })).optional(),
  requestBody: z.looseObject({ required: z.boolean().optional(), content: z.record(z.string(), z.looseObject({})) }).optional(),
  responses: z.record(z.string(), z.looseObject({ content: z.record(z.string(), z.looseObject({})).optional() })).optional(),
});
const item = z.looseObject(Object.fromEntries(methods.map((method) => [method, operation.optional()])));
const document = z.object({
  openapi: z.string().startsWith('3.'),
  info: z.object({ version: z.coerce.string() }),
  paths: z.record(z.string(), item),
  components: z.object({ schemas: z.record(z.string(), z.unknown()).default({}) }).default({ schemas: {} }),
});

export type RawOperation = z.infer<typeof operation>;
export type RawDocument = z.infer<typeof document>;

/** Reads an official document from a file, from its URL, or from a running Kestra (`http://host:8080`). */
export async function fetchDocument(source: string): Promise<RawDocument> {
  const text = /^https?:\/\//.test(source) ? await download(addressOf(source)) : await readFile(source, 'utf8');
  try {
    return parseDocument(text);
  } catch (cause) {
    throw new Error(`${source} is no OpenAPI document: ${cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause)}`);
  }
}

/** Where a Kestra serves its document, if the URL does not already name one. */
export function addressOf(source: string): URL {
  const url = new URL(source);
  if (!/\.(ya?ml|json)$/.test(url.pathname)) url.pathname = `${url.pathname.replace(/\/$/, '')}/swagger/kestra.yml`;
  return url;
}

async function download(url: URL): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(30_000) }).catch((cause: unknown) => {
    throw new Error(`${url.origin} does not answer`, { cause });
  });
  if (!answer.ok) throw new Error(`${url.href} answered ${answer.status}`);
  return answer.text();
}

/** Parses a document; JSON is YAML too. */
export function parseDocument(text: string): RawDocument {
  return document.parse(yaml(text));
}

function yaml(text: string): unknown {
  try {
    return load(text, { schema: CORE_SCHEMA });
  } catch (cause) {
    const mended = indentContinuations(text);
    if (mended === text) throw cause;
    return load(mended, { schema: CORE_SCHEMA });
  }
}

/**
 * Documents up to 1.0 continue a double-quoted text at the indentation of its key, which YAML forbids and every strict parser
 * refuses. Two more blanks change nothing else: leading blanks of such a line do not count.
 */
function indentContinuations(text: string): string {
  return text.replace(/^( *)\\ /gm, '$1  \\ ');
}

/** `2.0.0-SNAPSHOT` -> `2.0`; undefined for a version that names no line, such as the `v1` of old documents. */
export function lineOf(version: string): string | undefined {
  return /^v?(\d+\.\d+)(?:\.|-|$)/.exec(version)?.[1];
}

/** Apps exist in the Enterprise Edition only, in every line so far. */
export function editionOf(raw: RawDocument): Edition {
  return Object.keys(raw.paths).some((path) => /^\/api\/v1\/\{[^}]*\}\/apps(\/|$)/.test(path)) ? 'ee' : 'oss';
}
