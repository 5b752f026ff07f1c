/** The beginning of a stream, and whether that is all of it; the rest is not fetched. */
export const readStart = async (
  stream: ReadableStream<Uint8Array> | undefined,
  most: number,
): Promise<{ bytes: Buffer; whole: boolean }> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (!stream) return { bytes: Buffer.alloc(0), whole: true };
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { bytes: Buffer.concat(chunks), whole: true };
      chunks.push(value);
      length += value.length;
      if (length > most) return { bytes: Buffer.concat(chunks).subarray(0, most), whole: false };
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
};

/** Bytes as text; undefined if they are none. A character that the cut went through is left out. */
export const asUtf8 = (bytes: Buffer, whole: boolean): string | undefined => {
  for (let missing = 0; missing <= (whole ? 0 : 3); missing++) {
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, bytes.length - missing));
      return text.includes('\0') ? undefined : text;
    } catch {
      // Perhaps the cut went through a character.
    }
  }
  return undefined;
};
