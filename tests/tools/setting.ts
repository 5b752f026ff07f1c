import { afterAll, beforeAll, describe } from 'vitest';
import { expectInnocent } from '../harness/kestra.ts';
import { type Server, startServer } from '../harness/server.ts';
import { type Kestra, type Options, startKestra } from '../kestra/server.ts';

export const versions = ['1.3.25', '2.0.0-SNAPSHOT'] as const;
type Version = (typeof versions)[number];

/** A pretended Kestra and the program in front of it, which the tests of one block share. */
export interface Setting {
  readonly version: Version;
  readonly kestra: Kestra;
  readonly server: Server;
}

/** What is the same to both Kestras: each gets a server of its own. Afterwards nothing may have been done that a client must never do. */
export const onEveryKestra = (title: string, define: (at: Setting) => void, options: Omit<Options, 'version'> = {}): void => {
  describe.each(versions)(`${title} (Kestra %s)`, (version) => {
    let kestra: Kestra | undefined;
    let server: Server | undefined;
    const started = <T>(value: T | undefined): T => {
      if (!value) throw new Error('not started yet');
      return value;
    };
    const at: Setting = {
      version,
      get kestra() {
        return started(kestra);
      },
      get server() {
        return started(server);
      },
    };
    beforeAll(async () => {
      kestra = await startKestra({ ...options, version });
      server = await startServer({ kestra });
    });
    afterAll(async () => {
      if (kestra) await expectInnocent(kestra);
      await server?.stop();
      await kestra?.close();
    });
    define(at);
  });
};

/** A flow of one task that says something. */
export const hello = (namespace: string, id: string, more = ''): string =>
  `id: ${id}\nnamespace: ${namespace}\n${more}tasks:\n  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: hello\n`;

/** A flow of one task of a core type. */
export const flow = (namespace: string, id: string, type: string, properties = '', more = ''): string =>
  `id: ${id}\nnamespace: ${namespace}\n${more}tasks:\n  - id: work\n    type: io.kestra.plugin.core.${type}\n${properties.replace(/^/gm, '    ')}\n`;
