import { pino } from 'pino';
import { PublicError } from './errors.ts';
import { redaction } from './redaction.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type Log = pino.Logger;

export interface LogOptions {
  /** Never written, whoever has put them into a message or an error. */
  readonly secrets?: readonly string[];
  readonly write?: (line: string) => void;
}

/** JSON lines on stderr: in stdio mode stdout belongs to the protocol. Written synchronously, so that a crash loses nothing. */
export const createLog = (level: Level, { secrets = [], write = toStderr() }: LogOptions = {}): Log => {
  const hide = redaction(secrets);
  return pino(
    {
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describe },
    },
    { write: (line) => write(hide(line)) },
  );
};

const toStderr = (): ((line: string) => void) => {
  const stderr = pino.destination({ fd: 2, sync: true });
  return (line) => void stderr.write(line);
};

const describe = (error: unknown): unknown => {
  if (error instanceof PublicError) return { code: error.code, message: error.message, detail: describe(error.detail) };
  if (error instanceof Error) return { type: error.name, message: error.message, stack: error.stack, cause: describe(error.cause) };
  return error;
};
