import { type Contract, fileOf, prune } from './contract.ts';
import { faultsOf } from './listed.ts';
import { correct, type Patches, reference } from './patch.ts';
import { print } from './print.ts';
import { routesTable } from './routes.ts';
import { typesOf } from './types.ts';
import { type Document, reachable, unite } from './unite.ts';

/** Everything that follows from the contracts: file name -> text. */
export interface Generated {
  /** For openapi/. */
  contracts: Map<string, string>;
  /** For src/kestra/generated/. */
  sources: Map<string, string>;
}

/** Generates every file from the contracts; the same contracts give the same bytes. */
export async function generate(contracts: readonly Contract[], inUse: readonly string[], patches: Patches): Promise<Generated> {
  const faults = faultsOf(contracts, inUse, patches);
  if (faults.length > 0) throw new Error(faults.join('\n'));
  const kept = contracts.map((contract) => prune(contract, inUse));
  const documents = kept.map((contract) => reachable(correct(unite(contract), patches.corrections)));
  const generated: Generated = { contracts: new Map(), sources: new Map() };
  for (const contract of kept) generated.contracts.set(fileOf(contract.line), print(contract));
  for (const document of documents) {
    const text = await typesOf(document.line === reference ? emptyWhereAnyIs(document, documents) : document);
    generated.sources.set(`schema-${document.line}.d.ts`, text);
  }
  generated.sources.set('routes.ts', routesTable(kept, documents, patches));
  return generated;
}

/** The reference line's types serve every line: a reply that is empty on one of them may be empty. */
function emptyWhereAnyIs(document: Document, documents: readonly Document[]): Document {
  const copy = structuredClone(document);
  for (const [id, operation] of Object.entries(copy.operations)) {
    const isEmpty = documents.some(({ operations }) =>
      Object.values(operations[id]?.responses ?? {}).some(({ content }) => content === undefined),
    );
    if (isEmpty) operation.responses['204'] ??= {};
  }
  return copy;
}
