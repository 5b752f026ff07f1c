import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { type FakeIdp, fakeClient } from '../auth/fake-idp.ts';
import { Person } from './browser.ts';
import type { Provider } from './program.ts';

/** A provider that knows by a cookie who somebody is. */
export const providerOf = (idp: FakeIdp): Provider => ({ issuer: idp.url, clientId: fakeClient.id, clientSecret: fakeClient.secret });

/** Somebody who is signed in at that provider already. */
export const knownTo = async (browser: Browser, idp: FakeIdp, username: string): Promise<Person> => {
  const person = await Person.at(browser);
  await person.page.context().addCookies([{ name: 'idp_user', value: username, url: idp.url }]);
  return person;
};

/** Where programs run that open the browser as on a desktop, with somebody before it who consents to what they are asked. */
export interface Desktop {
  /** For the programs. */
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  /** Which pages were opened. */
  readonly opened: readonly string[];
  /** What is done with `write` on the next pages. */
  write: boolean;
  /** @throws what went wrong with a page */
  close(): Promise<void>;
}

export const openDesktop = async (person: Person): Promise<Desktop> => {
  const folder = await mkdtemp(join(tmpdir(), 'kestra-mcp-desktop-'));
  const opened: string[] = [];
  const failed: unknown[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://desktop').searchParams.get('url') ?? '';
    response.writeHead(204).end();
    opened.push(url);
    person.consent(url, { write: desktop.write }).catch((error: unknown) => failed.push(error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const opener = join(folder, 'xdg-open');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await writeFile(opener, `#!/bin/sh\nexec curl -s --get --data-urlencode "url=$1" ${address}\n`, { mode: 0o755 });
  const desktop: Desktop = {
    env: { PATH: `${folder}:${process.env.PATH}`, HOME: folder, BROWSER: opener },
    folder,
    opened,
    write: true,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true, force: true });
      if (failed.length > 0) throw new AggregateError(failed, `a page could not be answered: ${failed.map(String).join('; ')}`);
    },
  };
  return desktop;
};
