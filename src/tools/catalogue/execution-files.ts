import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import { KestraError } from '../../kestra/failure.ts';
import { answer } from '../answer.ts';
import { executionId } from '../fields.ts';
import type { Execution } from '../follow.ts';
import { quoted } from '../quoted.ts';
import { mayRead } from '../stored-file.ts';
import { asUtf8, readStart } from '../stream.ts';
import { type Context, recipe } from '../tool.ts';
import { existing } from './execution-state.ts';

const uri = z
  .string()
  .max(2000)
  .regex(/^kestra:\/\/\/[^\s"<>\\^`{|}?#%]+$/, 'is not the address of a file: such as kestra:///acme/data/…, from an output')
  .refine((address) => !address.split('/').includes('..'), 'may not climb')
  .describe('kestra:///…, from an output');

const mostTaskRuns = 20;
const mostFiles = 50;

export const listOutputFiles = recipe({
  name: 'list_output_files',
  title: 'List output files',
  description: 'The files that an execution put into storage, by the outputs that name them. Then preview_output_file or read_output_file.',
  keywords: 'download result artifact csv',
  permissions: ['kestra.execution.read'],
  effect: 'read',
  input: () => z.strictObject({ execution_id: executionId }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'getTaskOutputsInformation', 'getTaskRunOutputs', 'getFileMetadatasFromExecution'],
  run: async ({ execution_id }, context) => {
    const execution = await existing(context, execution_id);
    const { found, note } = await filesOf(context, execution);
    const files = await Promise.all(
      found
        .slice(0, mostFiles)
        .map(async ({ from, address }) => ({ from, bytes: await sizeOf(context, execution, address), ...quoted({ uri: address }) })),
    );
    return answer({
      execution_id,
      files,
      ...(files.length === 0 && { note: 'No output of it names a file.' }),
      ...(note && { note }),
      ...(found.length > files.length && { note: `${files.length} of ${found.length} files` }),
    });
  },
});

const filesOf = async (context: Context<'getTaskOutputsInformation' | 'getTaskRunOutputs'>, { id, outputs }: Execution) => {
  const runs = await context.invoke('getTaskOutputsInformation', { path: { executionId: id } });
  const some = runs.slice(0, mostTaskRuns);
  const ofTasks = await Promise.all(
    some.map(async ({ taskId, taskRunId = '' }) => {
      const values = await context.invoke('getTaskRunOutputs', { path: { executionId: id, taskRunId } });
      return addresses(values).map((address) => ({ from: `task ${taskId}`, address }));
    }),
  );
  const all = [...addresses(outputs).map((address) => ({ from: 'the flow', address })), ...ofTasks.flat()];
  return {
    found: [...new Map(all.map((file) => [file.address, file])).values()],
    note: some.length < runs.length ? `only the first ${some.length} of ${runs.length} task runs with outputs were looked at` : undefined,
  };
};

const addresses = (value: unknown): string[] => {
  if (typeof value === 'string') return value.startsWith('kestra:///') ? [value] : [];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(addresses) : [];
};

const sizeOf = async (
  context: Context<'getFileMetadatasFromExecution'>,
  { id, namespace }: Execution,
  path: string,
): Promise<number | undefined> =>
  mayRead(path, namespace, context)
    ? (await context.invoke('getFileMetadatasFromExecution', { path: { executionId: id }, query: { path } }).catch(() => undefined))?.size
    : undefined;

/** @throws PublicError `not_found` for a file that the caller may not read: not every Kestra looks whether it is one of this execution */
const insistOnReadable = async (context: Context<'getExecution'>, executionId: string, uri: string): Promise<void> => {
  const { namespace } = await existing(context, executionId);
  if (!mayRead(uri, namespace, context)) throw noFile();
};

/** Kestra calls the file of another execution an illegal argument. */
const ofThis = <T>(asked: Promise<T>): Promise<T> =>
  asked.catch((thrown: unknown) => {
    throw thrown instanceof KestraError && (thrown.status === 404 || thrown.status === 422) ? noFile() : thrown;
  });

const noFile = (): PublicError => new PublicError('not_found', 'That is no file of this execution: list_output_files shows those it has.');

const previewed = z.object({
  extension: z.string().nullish(),
  type: z.string().nullish(),
  content: z.unknown(),
  truncated: z.boolean().nullish(),
});

export const previewOutputFile = recipe({
  name: 'preview_output_file',
  title: 'Preview output file',
  description: 'The first rows of a file in storage, as Kestra reads it: rows of ION or JSON lines, else lines of text.',
  keywords: 'download result artifact csv rows',
  permissions: ['kestra.execution.read'],
  effect: 'read',
  input: () => z.strictObject({ execution_id: executionId, uri, rows: z.int().min(1).max(100).default(20) }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'previewFileFromExecution'],
  run: async ({ execution_id, uri, rows }, context) => {
    await insistOnReadable(context, execution_id, uri);
    const reply = await ofThis(
      context.invoke('previewFileFromExecution', { path: { executionId: execution_id }, query: { path: uri, maxRows: rows } }),
    );
    const { data } = previewed.safeParse(reply);
    if (!data) throw noFile();
    const facts = {
      execution_id,
      extension: data.extension,
      type: data.type,
      ...(data.truncated && { note: `only the first ${rows} rows` }),
    };
    if (data.type === 'PDF' || data.type === 'IMAGE') return answer({ ...facts, note: 'It is no text: open it in the UI.' });
    if (typeof data.content === 'string') return answer(facts, { name: 'content', language: 'text', text: data.content });
    return answer({ ...facts, ...quoted({ rows: data.content }) });
  },
});

const mostBytes = 20_000;

export const readOutputFile = recipe({
  name: 'read_output_file',
  title: 'Read output file',
  description: `The beginning of a text file in storage, ${mostBytes} bytes at most.`,
  keywords: 'download result artifact content',
  permissions: ['kestra.execution.read'],
  effect: 'read',
  input: () => z.strictObject({ execution_id: executionId, uri, max_bytes: z.int().min(1).max(mostBytes).default(10_000) }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'getFileMetadatasFromExecution', 'downloadFileFromExecution'],
  run: async ({ execution_id, uri, max_bytes }, context) => {
    await insistOnReadable(context, execution_id, uri);
    const metas = await ofThis(
      context.invoke('getFileMetadatasFromExecution', { path: { executionId: execution_id }, query: { path: uri } }),
    );
    const stream = await context.invoke('downloadFileFromExecution', { path: { executionId: execution_id }, query: { path: uri } });
    return fileAnswer({ execution_id }, metas.size, await readStart(stream, max_bytes));
  },
});

/** The beginning of a file, or that it is none that can be shown. */
export const fileAnswer = (
  facts: Readonly<Record<string, unknown>>,
  size: number | undefined,
  { bytes, whole }: { bytes: Buffer; whole: boolean },
) => {
  const text = asUtf8(bytes, whole);
  const about = { ...facts, bytes: size, whole };
  if (text === undefined) return answer({ ...about, note: 'It is no text (UTF-8): open it in the UI.' });
  return answer({ ...about, ...(!whole && { note: `only the first ${bytes.length} bytes` }) }, { name: 'content', language: 'text', text });
};
