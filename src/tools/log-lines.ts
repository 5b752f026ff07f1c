import type { Reply } from '../kestra/operation.ts';
import { redact } from './redact.ts';

type Line = Pick<Reply<'listLogsFromExecution'>[number], 'timestamp' | 'level' | 'taskId' | 'message'>;

/** Logs as text, one line each unless a message has several; each message of at most so many characters, without secrets. */
export const linesOf = (logs: readonly Line[], most: number): string =>
  logs
    .map(({ timestamp, level, taskId, message }) => `${timestamp} ${level} ${taskId ?? '-'} ${shortened(message ?? '', most)}`)
    .join('\n');

const shortened = (message: string, most: number): string => {
  const text = String(redact(message)).trimEnd();
  return text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text;
};
