import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Method, Schema } from '../../codegen/openapi.ts';
import type { Patches } from '../../codegen/patch.ts';

const prose = { description: 'Some prose', summary: 'Some prose', tags: ['Prose'], example: 'prose' };

export interface Served {
  id?: string;
  reply?: Schema | null;
  query?: Record<string, { type: string; required?: boolean }>;
  status?: string;
}

/** A small document of the pretend Kestra, with prose in every place where there may be some. */
export function documentText(version: string, routes: Record<string, Served>, schemas: Record<string, Schema> = {}): string {
  const paths: Record<string, Partial<Record<Method, unknown>>> = {};
  for (const [route, { id = 'whatever', reply = { type: 'string' }, query = {}, status = '200' }] of Object.entries(routes)) {
    const [method = 'get', path = '/'] = route.split(' ');
    const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      ...prose,
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    }));
    const queries = Object.entries(query).map(([name, { type, required }]) => ({
      ...prose,
      name,
      in: 'query',
      required,
      schema: { type, ...prose },
    }));
    const content = reply && { 'application/json': { schema: { ...prose, ...reply } } };
    const operation = {
      ...prose,
      operationId: id,
      parameters: [...parameters, ...queries],
      responses: { [status]: { ...prose, ...(content && { content }) } },
    };
    paths[path] = { ...paths[path], [method]: operation };
  }
  const described = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, { ...schema, ...prose }]));
  return JSON.stringify({
    openapi: '3.0.1',
    info: { title: 'Kestra', version, contact: { name: 'prose' } },
    paths,
    components: { schemas: described },
  });
}

export const noPatches: Patches = { moves: [], absences: [], elsewhere: [], corrections: [] };

/** A folder of contracts with nothing but the list of operations in use. */
export async function workplace(
  ...inUse: string[]
): Promise<{ openapi: string; generated: string; file: (text: string) => Promise<string> }> {
  const root = await mkdtemp(join(tmpdir(), 'codegen-'));
  await writeFile(join(root, 'operations.json'), JSON.stringify(inUse.sort()));
  let count = 0;
  const file = async (text: string): Promise<string> => {
    const path = join(root, `document-${count++}.yml`);
    await writeFile(path, text);
    return path;
  };
  return { openapi: root, generated: join(root, 'generated'), file };
}
