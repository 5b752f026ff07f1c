import { pino } from 'pino';
import type { KestraConfig, KestraCredential } from '../../src/config.ts';
import { connectKestra, type Kestra } from '../../src/kestra/client.ts';
import { KestraError } from '../../src/kestra/failure.ts';
import type { Invoke } from '../../src/kestra/operation.ts';
import type { Log } from '../../src/log.ts';

export interface Connected {
  readonly kestra: Kestra;
  /** The operations, with the first user's credential. */
  readonly invoke: Invoke;
  readonly credential: KestraCredential;
  /** The log lines so far. */
  readonly logged: Readonly<Record<string, unknown>>[];
}

/** The client of src/kestra, connected to a server. */
export const connect = (url: string, config: Partial<KestraConfig> = {}, credential: KestraCredential = firstUser): Connected => {
  const logged: Record<string, unknown>[] = [];
  const write = (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>);
  const log: Log = pino({ level: 'debug', base: undefined, formatters: { level: (label) => ({ level: label }) } }, { write });
  const kestra = connectKestra({ url, tenant: 'main', verifyTls: true, timeoutMs: 10_000, ...config }, log);
  return { kestra, invoke: kestra.as({ credential }), credential, logged };
};

export const firstUser: KestraCredential = { kind: 'password', username: 'kestra@example.com', password: 'Kestra-1234' };

/** What a call fails with. @throws if it succeeds, or fails with what is not meant for readers */
export const failure = async (call: Promise<unknown>): Promise<KestraError> => {
  const thrown = await call.then(
    (value) => new Error(`it succeeded: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (thrown instanceof KestraError) return thrown;
  throw thrown;
};
