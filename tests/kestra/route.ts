import { mayUse } from './auth.ts';
import type { Edition, Line } from './dialect.ts';
import type { Engine } from './engine.ts';
import { type Json, object } from './json.ts';
import { type Part, readMultipart, wrongType } from './multipart.ts';
import { Refusal } from './refusal.ts';
import type { User } from './users.ts';
import type { World } from './world.ts';

/** What a handler gets. */
export interface Call {
  world: World;
  engine: Engine;
  line: Line;
  edition: Edition;
  request: Request;
  /** Path and query exactly as they were sent. */
  target: string;
  params: Record<string, string>;
  query: URLSearchParams;
  user: User | undefined;
  /** Notes a request that a client must never make. */
  offend(reason: string): void;
}

/** A route that is pretended. */
export interface Route {
  /** `METHOD /path/{parameter}` as the documents write it. */
  on: string;
  /** Only on that line; on both if absent. */
  line?: Line;
  handle(call: Call): Response | Promise<Response>;
}

/** A JSON answer. */
export function json(body: unknown, status = 200, type = 'application/json'): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': type } });
}

/** An answer without a body. */
export function empty(status: number): Response {
  return new Response(null, { status });
}

/** The parts of a multipart body. */
export function parts(call: Call): Promise<Part[]> {
  return readMultipart(call.request);
}

/** A JSON body. */
export async function body(call: Call): Promise<Json> {
  const type = mediaType(call);
  if (type !== '' && type !== 'application/json') throw wrongType(type, 'application/json');
  const text = await call.request.text();
  if (text === '') throw new Refusal(422, 'Invalid route params: Required Body [body] not specified');
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new Refusal(422, 'Invalid json mapping');
  }
}

/** A JSON body that is an object. */
export async function bodyObject(call: Call): Promise<Record<string, Json | undefined>> {
  return object(await body(call));
}

/** A text body of one of these media types. */
export async function text(call: Call, ...allowed: string[]): Promise<string> {
  const type = mediaType(call);
  if (type !== '' && !allowed.includes(type)) throw wrongType(type, ...allowed);
  return await call.request.text();
}

/** The media type of the body, without its parameters. */
export function mediaType(call: Call): string {
  return call.request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
}

/** A boolean of the query. */
export function flag(call: Call, name: string): boolean {
  return call.query.get(name) === 'true';
}

/** The rows that the user may see: on EE not everybody sees every namespace. */
export function visible<Row extends { namespace: string }>(call: Call, rows: Row[]): Row[] {
  return call.edition === 'OSS' ? rows : rows.filter((row) => mayUse(call.user, call.edition, 'GET', row.namespace));
}

/** A path parameter. */
export function param(call: Call, name: string): string {
  return call.params[name] ?? '';
}
