import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import { ifFound } from '../absence.ts';
import { answer } from '../answer.ts';
import { confirm, insistOnConfirm } from '../confirm.ts';
import { namespace, refuse } from '../fields.ts';
import { quoted } from '../quoted.ts';
import { readStart } from '../stream.ts';
import { type Context, recipe } from '../tool.ts';
import { fileAnswer } from './execution-files.ts';

/** Kestra reads a path as a URI: what must be encoded there it refuses, or stores under another name. */
const path = z
  .string()
  .min(1)
  .max(1000)
  .regex(/^[^\s"<>\\^`{|}?#%[\]]+$/, 'may not contain spaces or any of "<>\\^`{|}?#%[]: Kestra takes it for a URI')
  .refine((path) => !path.split('/').includes('..'), 'may not climb: give the full path')
  // Of `//` and `/.` Kestra makes the top folder, with all that is in it.
  .refine((path) => !/\/\/|(^|\/)\.(\/|$)/.test(path), 'may have no empty part and none that is a dot')
  .transform((path) => `/${path.replace(/^\/|\/$/g, '')}`);

const target = ({ namespace }: { namespace: string }) => ({ namespace });

const mostEntries = 500;

export const listNamespaceFiles = recipe({
  name: 'list_namespace_files',
  title: 'List namespace files',
  description:
    'The files of a namespace (scripts, queries, data that its flows use): one folder, or with everything all paths; query finds paths.',
  keywords: 'scripts sql python folder directory',
  permissions: ['kestra.file.read'],
  effect: 'read',
  input: () =>
    z.strictObject({
      namespace,
      path: path.optional().describe('folder; default: the top one'),
      everything: z.boolean().optional().describe('all files, at every depth'),
      query: z.string().min(1).max(200).optional(),
    }),
  target,
  uses: ['listNamespaceDirectoryFiles', 'searchNamespaceFiles'],
  run: async ({ namespace, path = '/', everything, query }, context) => {
    if (everything || query !== undefined) {
      // An empty text finds nothing on 2.0; a slash is in every path.
      const all = await context.invoke('searchNamespaceFiles', { path: { namespace }, query: { q: query ?? '/' } });
      const paths = all.filter((found) => found.startsWith(path === '/' ? '/' : `${path}/`)).sort();
      return answer({
        namespace,
        total: paths.length,
        ...quoted({ files: paths.slice(0, mostEntries) }),
        ...(paths.length === 0 && {
          note: query ? `No file of ${namespace} has ${JSON.stringify(query)} in its path.` : `${namespace} has no files.`,
        }),
        ...(paths.length > mostEntries && { note: `the first ${mostEntries} of ${paths.length}` }),
      });
    }
    const entries = await ifFound(context.invoke('listNamespaceDirectoryFiles', { path: { namespace }, query: { path } }));
    if (!entries) {
      if (path !== '/')
        throw new PublicError('not_found', `${namespace} has no folder ${path}: list_namespace_files with everything shows all.`);
      return answer({ namespace, path, total: 0, entries: [], note: `${namespace} has no files.` });
    }
    return answer({
      namespace,
      path,
      total: entries.length,
      entries: entries.slice(0, mostEntries).map(({ type, fileName, size, lastModifiedTime }) => ({
        kind: type === 'Directory' ? 'folder' : 'file',
        ...(type !== 'Directory' && { bytes: size }),
        ...(lastModifiedTime !== undefined && { changed: new Date(lastModifiedTime).toISOString() }),
        ...quoted({ name: fileName }),
      })),
      ...(entries.length === 0 && { note: 'It is empty.' }),
      ...(entries.length > mostEntries && { note: `the first ${mostEntries} of ${entries.length}` }),
    });
  },
});

const noFile = (namespace: string, path: string): PublicError =>
  new PublicError('not_found', `${namespace} has no file ${path}: list_namespace_files with everything shows all.`);

const stat = (context: Context<'getFileMetadatas'>, namespace: string, path: string) =>
  ifFound(context.invoke('getFileMetadatas', { path: { namespace }, query: { path } }));

const mostBytes = 20_000;

export const readNamespaceFile = recipe({
  name: 'read_namespace_file',
  title: 'Read namespace file',
  description: `The beginning of a text file of a namespace, ${mostBytes} bytes at most.`,
  keywords: 'script sql python content',
  permissions: ['kestra.file.read'],
  effect: 'read',
  input: () =>
    z.strictObject({
      namespace,
      path,
      revision: z.int().min(1).optional(),
      max_bytes: z.int().min(1).max(mostBytes).default(mostBytes),
    }),
  target,
  uses: ['getFileMetadatas', 'getFileContent'],
  run: async ({ namespace, path, revision, max_bytes }, context) => {
    const file = await stat(context, namespace, path);
    if (!file) throw noFile(namespace, path);
    if (file.type === 'Directory') throw new PublicError('invalid_input', `${path} is a folder: list_namespace_files shows what is in it.`);
    const stream = await context.invoke('getFileContent', { path: { namespace }, query: { path, revision } });
    return fileAnswer({ namespace, path }, file.size, await readStart(stream, max_bytes));
  },
});

const mostContent = 1024 * 1024;

export const writeNamespaceFile = recipe({
  name: 'write_namespace_file',
  title: 'Write namespace file',
  description: 'Create a text file in a namespace. One that is there is replaced only with overwrite. Folders are made as needed.',
  keywords: 'script sql python upload create',
  permissions: ['kestra.file.write'],
  effect: 'write',
  input: () =>
    z.strictObject({
      namespace,
      path,
      content: z.string().max(mostContent, 'may have at most 1 MiB'),
      overwrite: z.boolean().optional(),
    }),
  target,
  uses: ['getFileMetadatas', 'createNamespaceFile'],
  run: async ({ namespace, path, content, overwrite }, context) => {
    const before = await stat(context, namespace, path);
    if (before?.type === 'Directory') throw new PublicError('conflict', `${path} is a folder. Nothing was written.`);
    if (before && !overwrite) {
      throw new PublicError(
        'conflict',
        `${path} is there already, with ${before.size} bytes. Nothing was written: overwrite: true replaces it.`,
      );
    }
    const bytes = Buffer.from(content, 'utf8');
    await context.invoke('createNamespaceFile', {
      path: { namespace },
      query: { path },
      body: { fileContent: new File([bytes], path.slice(path.lastIndexOf('/') + 1)) },
    });
    return answer({
      done: before ? 'replaced' : 'created',
      namespace,
      path,
      ...(before && { bytes_before: before.size }),
      bytes: bytes.length,
    });
  },
});

export const moveNamespaceFile = recipe({
  name: 'move_namespace_file',
  title: 'Move namespace file',
  description: 'Move or rename a file or a folder of a namespace. Flows that name the old path are not changed.',
  keywords: 'rename',
  permissions: ['kestra.file.write'],
  effect: 'write',
  input: () => z.strictObject({ namespace, from: path, to: path }),
  target,
  uses: ['getFileMetadatas', 'moveFileDirectory'],
  run: async ({ namespace, from, to }, context) => {
    if (from === '/' || to === '/') refuse('The top folder stays where it is. Nothing was moved.');
    const [source, goal] = await Promise.all([stat(context, namespace, from), stat(context, namespace, to)]);
    if (!source) throw noFile(namespace, from);
    if (goal) throw new PublicError('conflict', `${to} is there already: move or delete that first. Nothing was moved.`);
    await context.invoke('moveFileDirectory', { path: { namespace }, query: { from, to } });
    return answer({ done: 'moved', namespace, kind: source.type === 'Directory' ? 'folder' : 'file', from, to });
  },
});

export const deleteNamespaceFile = recipe({
  name: 'delete_namespace_file',
  title: 'Delete namespace file',
  description: 'Delete a file of a namespace, or a folder with all that is in it. Without confirm it only says what would be lost.',
  keywords: 'remove folder',
  permissions: ['kestra.file.delete'],
  effect: 'destroy',
  input: () => z.strictObject({ namespace, path, confirm }),
  target,
  uses: ['getFileMetadatas', 'searchNamespaceFiles', 'deleteFileDirectory'],
  run: async ({ namespace, path, confirm }, context) => {
    const file = await stat(context, namespace, path);
    if (!file || path === '/') throw noFile(namespace, path);
    const folder = file.type === 'Directory';
    const inside = folder
      ? (await context.invoke('searchNamespaceFiles', { path: { namespace }, query: { q: '/' } })).filter((other) =>
          other.startsWith(`${path}/`),
        )
      : [];
    insistOnConfirm(
      confirm,
      path,
      folder
        ? `This deletes the folder ${path} of ${namespace} with ${inside.length} files.`
        : `This deletes the file ${path} of ${namespace}, ${file.size} bytes.`,
    );
    await context.invoke('deleteFileDirectory', { path: { namespace }, query: { path } });
    return answer({ done: 'deleted', namespace, path, ...(folder && { files: inside.length }) });
  },
});
