import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { changesOf } from './changes.ts';
import { type Contract, readContracts, readOperations } from './contract.ts';
import { editionOf, fetchDocument, lineOf } from './document.ts';
import { bringUpToDate, staleFiles } from './files.ts';
import { generate } from './generate.ts';
import { gapsOf } from './listed.ts';
import { type Edition, editions } from './openapi.ts';
import type { Patches } from './patch.ts';
import { patches as listed } from './patches.ts';
import { refreshAll, type Source } from './refresh.ts';
import { touches } from './touches.ts';

const help = `npm run codegen [-- options]

Generates src/kestra/generated/ from the contracts in openapi/.

  --from <file|URL>   first refresh the contract of a document's line, and print what changed; may be repeated.
                      A URL is a document or a running Kestra (http://localhost:8080 serves /swagger/kestra.yml)
  --line <line>       the line of the document, e.g. 1.0, where its version does not name one
  --edition <ee|oss>  the edition of the document; derived from its routes if left out
  --check             write nothing; fail and list the files that are stale
  --openapi <dir>     another folder of contracts and operations.json
  --generated <dir>   another folder for the generated files
  --help              this text
`;

export interface Surroundings {
  say: (text: string) => void;
  patches?: Patches;
  /** The module that has the tools, to say which of them a change touches. */
  catalog?: URL;
}

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Runs the command and gives its exit code. */
export async function run(args: readonly string[], { say, patches = listed, catalog }: Surroundings): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      from: { type: 'string', multiple: true, default: [] },
      line: { type: 'string' },
      edition: { type: 'string' },
      check: { type: 'boolean', default: false },
      openapi: { type: 'string', default: folder('../openapi') },
      generated: { type: 'string', default: folder('../src/kestra/generated') },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(help);
    return 0;
  }
  if (values.from.length > 1 && (values.line || values.edition)) throw new Error('--line and --edition go with a single --from');
  const inUse = await readOperations(values.openapi);
  const before = await readContracts(values.openapi);
  const sources = await Promise.all(values.from.map((source) => read(source, values.line, edition(values.edition))));
  const after = refreshAll(before, sources, inUse, patches);
  const generated = await generate(after, inUse, patches);
  if (sources.length > 0) await report(before, after, sources, say, catalog);
  for (const gap of after.flatMap(gapsOf)) say(`Note: ${gap}\n`);

  const stale = await staleFiles(values, generated);
  const names = stale.map(({ path }) => `  ${relative(process.cwd(), path)}\n`).join('');
  if (values.check) {
    say(stale.length === 0 ? 'Up to date.\n' : `Stale; run \`npm run codegen\`:\n${names}`);
    return stale.length === 0 ? 0 : 1;
  }
  await bringUpToDate(values, stale);
  say(stale.length === 0 ? 'Nothing to write.\n' : `Written:\n${names}`);
  return 0;
}

function edition(text: string | undefined): Edition | undefined {
  const known = editions.find((one) => one === text);
  if (text !== undefined && !known) throw new Error(`--edition is ee or oss, not ${text}`);
  return known;
}

async function read(source: string, line: string | undefined, given: Edition | undefined): Promise<Source> {
  const raw = await fetchDocument(source);
  const derived = line ?? lineOf(raw.info.version);
  if (derived === undefined)
    throw new Error(`${source} says version ${raw.info.version}, which names no line: add --line, e.g. --line 1.0`);
  if (!/^\d+\.\d+$/.test(derived)) throw new Error(`a line is two numbers, e.g. 2.0, not ${derived}`);
  return { raw, line: derived, edition: given ?? editionOf(raw) };
}

async function report(
  before: readonly Contract[],
  after: readonly Contract[],
  sources: readonly Source[],
  say: Surroundings['say'],
  catalog?: URL,
): Promise<void> {
  const touched = new Set<string>();
  for (const contract of after) {
    const read = sources.filter(({ line }) => line === contract.line).map(({ edition: of, raw }) => `${of} ${raw.info.version}`);
    if (read.length === 0) continue;
    const changes = changesOf(
      before.find(({ line }) => line === contract.line),
      contract,
    );
    say(`${contract.line} (${read.join(', ')}): ${changes.length === 0 ? 'nothing changed' : ''}\n`);
    for (const { text, operations } of changes) {
      say(`  ${text}${operations.length > 0 && !text.startsWith(`${operations[0]}:`) ? `  [${operations.join(', ')}]` : ''}\n`);
      for (const id of operations) touched.add(id);
    }
  }
  if (touched.size === 0) return;
  try {
    const tools = await touches([...touched], catalog);
    say(`Tools touched: ${tools.length > 0 ? tools.join(', ') : 'none'}\n`);
  } catch (cause) {
    say(`Tools touched: unknown, the catalogue of tools cannot be read (${String(cause).split('\n')[0]})\n`);
  }
}
