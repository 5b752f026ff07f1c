import { z } from 'zod';

const catalog = z.object({ tools: z.array(z.looseObject({ name: z.string(), uses: z.array(z.string()) })) });

/** The tools that use any of these operations. Nothing is imported before it is asked for: code generation must run without the tools. */
export async function touches(
  operations: readonly string[],
  from = new URL('../src/tools/catalog.ts', import.meta.url),
): Promise<string[]> {
  const { tools } = catalog.parse(await import(from.href));
  return tools
    .filter(({ uses }) => uses.some((id) => operations.includes(id)))
    .map(({ name }) => name)
    .sort();
}
