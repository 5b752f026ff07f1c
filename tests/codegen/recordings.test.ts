import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readContracts } from '../../codegen/contract.ts';
import { lineOf } from '../../codegen/document.ts';
import { correct } from '../../codegen/patch.ts';
import { patches } from '../../codegen/patches.ts';
import { unite } from '../../codegen/unite.ts';
import { contradictions } from './conforms.ts';

interface Exchange {
  note: string;
  operationId: string;
  response: { status: number; body: unknown };
}

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const recordings = folder('../kestra/recordings');
const contracts = await readContracts(folder('../../openapi'));

/** What real servers answered must be what the mended contracts say. */
describe.skipIf(!existsSync(recordings))('the recorded answers of real servers', () => {
  for (const version of existsSync(recordings) ? readdirSync(recordings) : []) {
    const contract = contracts.find(({ line }) => line === lineOf(version));
    if (!contract) continue;
    const { operations, schemas } = correct(unite(contract), patches.corrections);
    it(`of ${version} have the shapes of the contract`, () => {
      const faults: string[] = [];
      for (const file of readdirSync(`${recordings}/${version}`).filter((name) => name.endsWith('.json'))) {
        const { exchanges } = JSON.parse(readFileSync(`${recordings}/${version}/${file}`, 'utf8')) as { exchanges: Exchange[] };
        for (const { note, operationId, response } of exchanges) {
          const operation = operations[operationId === 'configs' ? 'getConfiguration' : operationId];
          if (!operation || response.status >= 300) continue;
          const reply = operation.responses[response.status];
          const [type, body] = Object.entries(reply?.content ?? {})[0] ?? [];
          if (!reply) faults.push(`${note}: status ${response.status} is undeclared`);
          else if (type !== 'text/event-stream' && body?.schema)
            faults.push(...contradictions(response.body, body.schema, schemas).map((fault) => `${note}: ${fault}`));
        }
      }
      expect(faults).toEqual([]);
    });
  }
});
