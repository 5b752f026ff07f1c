import { pino } from 'pino';
import { PublicError } from './errors.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type Log = pino.Logger;

/** JSON lines on stderr: in stdio mode stdout belongs to the protocol. Written synchronously, so that a crash loses nothing. */
export const createLog = (level: Level, destination: pino.DestinationStream = pino.destination({ fd: 2, sync: true })): Log =>
  pino(
    {
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describe },
    },
    destination,
  );

const describe = (error: unknown): unknown => {
  if (error instanceof PublicError) return { code: error.code, message: error.message, detail: describe(error.detail) };
  if (error instanceof Error) return { type: error.name, message: error.message, stack: error.stack, cause: describe(error.cause) };
  return error;
};
