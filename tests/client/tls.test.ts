import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Certificate, type Certificates, makeCertificates } from './certificates.ts';
import { connect, failure } from './connect.ts';
import { json, page, serve } from './server.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const secure = async ({ cert, key }: Certificate) => {
  const authorizations: (string | undefined)[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    authorizations.push(request.headers.authorization);
    json(response, request.url === '/api/v1/configs' ? { version: '2.0.0' } : page);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, authorizations };
};

const client = (url: string, config: Parameters<typeof connect>[1]) => {
  const connected = connect(url, config);
  undo.push(connected.kestra.close);
  return connected;
};

const list = { query: { page: 1, size: 1 } };

describe('a certificate', () => {
  test('of an authority that is given is accepted', async () => {
    const { url } = await secure(certificates.right);
    expect(await client(url, { ca: certificates.authority.cert }).invoke('searchFlows', list)).toEqual(page);
  });

  test('is not looked at where it need not be valid', async () => {
    const { url } = await secure(certificates.selfSigned);
    expect(await client(url, { verifyTls: false }).invoke('searchFlows', list)).toEqual(page);
  });

  test.each<[string, () => Certificate, (() => string) | undefined]>([
    ['of an authority that nobody knows', () => certificates.right, undefined],
    ['signed by itself', () => certificates.selfSigned, undefined],
    ['signed by itself, beside an authority', () => certificates.selfSigned, () => certificates.authority.cert],
    ['of another host', () => certificates.ofAnother, () => certificates.authority.cert],
  ])('%s is refused before the credential is sent, and not tried again', async (_, certificate, ca) => {
    const { url, authorizations } = await secure(certificate());
    const { invoke } = client(url, { ca: ca?.() });
    const started = performance.now();
    for (const call of [() => invoke('searchFlows', list), () => invoke('createFlow', { body: 'id: a' })]) {
      const { code, message, mayHaveArrived } = await failure(call());
      expect({ code, mayHaveArrived }).toEqual({ code: 'misconfigured', mayHaveArrived: false });
      expect(message).toContain('KESTRA_CA_FILE');
    }
    expect(performance.now() - started).toBeLessThan(2000);
    expect(authorizations).toEqual([]);
  });

  test('is not the matter where plain HTTP is spoken', async () => {
    const plain = await serve((response) => json(response, page));
    undo.push(plain.close);
    const { code, message } = await failure(client(plain.url.replace('http:', 'https:'), {}).invoke('searchFlows', list));
    expect(code).toBe('kestra_unreadable');
    expect(message).toContain('KESTRA_API_URL');
  });

  test('is never shown where plain HTTP is asked for', async () => {
    const { url, authorizations } = await secure(certificates.right);
    expect((await failure(client(url.replace('https:', 'http:'), {}).invoke('searchFlows', list))).code).toBe('kestra_unreachable');
    expect(authorizations).toEqual([]);
  });
});
