/** The documents of a YAML stream as they are written. */
export function splitDocuments(stream: string): string[] {
  const documents = stream.split(/^---[ \t]*$/m).filter((document) => document.trim() !== '');
  return documents.length ? documents : [''];
}
