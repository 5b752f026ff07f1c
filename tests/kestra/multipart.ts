import { Refusal } from './refusal.ts';

/** One part of a multipart body. */
export interface Part {
  name: string;
  filename?: string;
  content: Buffer;
}

/** Reads a multipart body; only what Kestra's clients send, but an empty one too, which `Request.formData` refuses. */
export async function readMultipart(request: Request): Promise<Part[]> {
  const type = request.headers.get('content-type');
  const body = Buffer.from(await request.arrayBuffer());
  if (type === null && body.length === 0) return [];
  const kind = (type ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (kind !== 'multipart/form-data') throw wrongType(kind, 'multipart/form-data');
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type ?? '');
  if (!boundary) throw new Refusal(422, 'Unprocessable Entity: Needed a boundary value');
  return split(body, `--${boundary[1] ?? boundary[2]}`);
}

/** A body of a type that the route does not take. */
export function wrongType(given: string, ...allowed: string[]): Refusal {
  return new Refusal(415, `Unsupported Media Type: Content Type [${given}] not allowed. Allowed types: [${allowed.join(', ')}]`);
}

function split(body: Buffer, delimiter: string): Part[] {
  const parts: Part[] = [];
  let start = body.indexOf(delimiter);
  while (start >= 0) {
    const from = start + delimiter.length;
    if (body.subarray(from, from + 2).toString('latin1') === '--') break;
    const end = body.indexOf(delimiter, from);
    if (end < 0) break;
    const part = readPart(body.subarray(from + 2, end - 2));
    if (part) parts.push(part);
    start = end;
  }
  return parts;
}

function readPart(bytes: Buffer): Part | undefined {
  const gap = bytes.indexOf('\r\n\r\n');
  const head = bytes.subarray(0, gap).toString('utf8');
  const name = /\bname="((?:[^"\\]|\\.)*)"/i.exec(head)?.[1];
  if (gap < 0 || name === undefined) return undefined;
  const filename = /filename="((?:[^"\\]|\\.)*)"/i.exec(head)?.[1];
  return {
    name: decodeQuotes(name),
    ...(filename === undefined ? {} : { filename: decodeQuotes(filename) }),
    content: bytes.subarray(gap + 4),
  };
}

function decodeQuotes(text: string): string {
  return text.replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('\\"', '"');
}
