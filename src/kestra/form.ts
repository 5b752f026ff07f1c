import { randomUUID } from 'node:crypto';

/**
 * A form as multipart/form-data (RFC 7578): texts as they are, files as files, everything else as JSON, undefined and null left out.
 * Not FormData, which turns each line feed of a text into CR LF.
 */
export const formOf = (parts: Readonly<Record<string, unknown>>): Blob => {
  const boundary = `form-${randomUUID()}`;
  const pieces = Object.entries(parts).flatMap(([name, value]) => {
    if (value === undefined || value === null) return [];
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(name)}"`;
    if (!(value instanceof Blob)) return [`${head}\r\n\r\n${typeof value === 'string' ? value : JSON.stringify(value)}\r\n`];
    const file = escaped(value instanceof File ? value.name : name);
    return [`${head}; filename="${file}"\r\nContent-Type: ${value.type || 'application/octet-stream'}\r\n\r\n`, value, '\r\n'];
  });
  return new Blob([...pieces, `--${boundary}--\r\n`], { type: `multipart/form-data; boundary=${boundary}` });
};

/** As browsers do (WHATWG HTML, multipart/form-data encoding). */
const escaped = (name: string): string => name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');
