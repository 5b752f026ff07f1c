import { illegalArgument, notFound } from '../refusal.ts';
import { type Call, empty, json, param, parts, type Route } from '../route.ts';

const files = '/api/v1/{tenant}/namespaces/{namespace}/files';

function pathIn(call: Call, name: string): string {
  const path = call.query.get(name) ?? '/';
  if (path.includes('..')) throw illegalArgument("File should be accessed with their full path and not using relative '..' path.");
  return path.startsWith('/') ? path : `/${path}`;
}

function key(call: Call, path: string): string {
  return `${param(call, 'namespace')}:${path}`;
}

async function put(call: Call): Promise<Response> {
  const path = pathIn(call, 'path');
  const given = await parts(call);
  write(call, path, given.find((part) => part.name === 'fileContent')?.content ?? Buffer.alloc(0));
  return empty(200);
}

function write(call: Call, path: string, content: Uint8Array | null): void {
  const steps = path.split('/').slice(1, -1);
  for (let length = 1; length <= steps.length; length++) {
    const folder = `/${steps.slice(0, length).join('/')}`;
    if (!call.world.state.files.has(key(call, folder))) put1(call, folder, null);
  }
  put1(call, path, content);
}

function put1(call: Call, path: string, content: Uint8Array | null): void {
  const time = Date.now();
  call.world.state.files.set(key(call, path), {
    content,
    created: call.world.state.files.get(key(call, path))?.created ?? time,
    modified: time,
  });
}

function get(call: Call): Response {
  const path = pathIn(call, 'path');
  const file = call.world.state.files.get(key(call, path));
  if (!file?.content) throw notFound(`File '${path}' was not found in namespace '${param(call, 'namespace')}'.`);
  return new Response(Buffer.from(file.content), { headers: { 'content-type': 'application/octet-stream' } });
}

/** The paths of a namespace that lie directly in a folder, or anywhere below it. */
function below(call: Call, folder: string, deep: boolean): string[] {
  const prefix = key(call, folder.endsWith('/') ? folder : `${folder}/`);
  return [...call.world.state.files.keys()].filter((one) => one.startsWith(prefix) && (deep || !one.slice(prefix.length).includes('/')));
}

function directory(call: Call): Response {
  const names = below(call, pathIn(call, 'path'), false);
  return json(
    names.map((name) => {
      const file = call.world.state.files.get(name);
      return {
        type: file?.content ? 'File' : 'Directory',
        size: file?.content?.length ?? 0,
        fileName: name.slice(name.lastIndexOf('/') + 1),
        lastModifiedTime: file?.modified,
        creationTime: file?.created,
        metadata: {},
      };
    }),
  );
}

function search(call: Call): Response {
  const q = (call.query.get('q') ?? '').toLowerCase();
  const found = below(call, '/', true)
    .filter((name) => call.world.state.files.get(name)?.content)
    .map((name) => name.slice(name.indexOf(':') + 1));
  return json(found.filter((path) => path.toLowerCase().includes(q)));
}

function move(call: Call): Response {
  const [from, to] = [pathIn(call, 'from'), pathIn(call, 'to')];
  const moved = [key(call, from), ...below(call, from, true)];
  for (const name of moved) {
    const file = call.world.state.files.get(name);
    if (!file) throw notFound(`File '${from}' was not found in namespace '${param(call, 'namespace')}'.`);
    call.world.state.files.delete(name);
    write(call, `${to}${name.slice(key(call, from).length)}`, file.content);
  }
  return empty(200);
}

function remove(call: Call): Response {
  const path = pathIn(call, 'path');
  for (const name of [key(call, path), ...below(call, path, true)]) call.world.state.files.delete(name);
  return empty(200);
}

export const fileRoutes: Route[] = [
  { on: `POST ${files}`, handle: put },
  { on: `GET ${files}`, handle: get },
  { on: `PUT ${files}`, handle: move },
  { on: `DELETE ${files}`, handle: remove },
  { on: `GET ${files}/directory`, handle: directory },
  {
    on: `POST ${files}/directory`,
    handle: (call) => {
      write(call, pathIn(call, 'path'), null);
      return empty(200);
    },
  },
  { on: `GET ${files}/search`, handle: search },
];
