import { describe, expect, it } from 'vitest';
import { Bench } from './bench.ts';
import { begin, clientRequest, connect, day, type Engine, minute, secret, signIn, sweepAll } from './story.ts';

export const clientsContract = (engine: Engine) =>
  describe('clients', () => {
    const bench = new Bench(engine);
    const metadata = (name: string) => ({ client_name: name, redirect_uris: ['http://127.0.0.1/cb'] });
    const register = (name: string) => ({ clientId: `client-${name}`, metadata: metadata(name) });

    it('R20: registers once for each distinct metadata, whatever the order of its keys', async () => {
      const store = await bench.open();
      const first = await store.registerClient({ clientId: 'a', metadata: { client_name: 'A', redirect_uris: ['x', 'y'] } });
      expect(first).toEqual({
        outcome: 'registered',
        client: { clientId: 'a', metadata: { client_name: 'A', redirect_uris: ['x', 'y'] }, registeredAt: bench.clock.now() },
      });
      const again = await store.registerClient({ clientId: 'b', metadata: { redirect_uris: ['x', 'y'], client_name: 'A' } });
      expect(again).toMatchObject({ outcome: 'known', client: { clientId: 'a' } });
      expect(await store.findClient('b')).toBeUndefined();
      const other = await store.registerClient({ clientId: 'c', metadata: { redirect_uris: ['y', 'x'], client_name: 'A' } });
      expect(other).toMatchObject({ outcome: 'registered', client: { clientId: 'c' } });
    });

    it('gives 20 parallel registrations of the same metadata one client', async () => {
      const store = await bench.open();
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.registerClient({ clientId: `c${i}`, metadata: metadata('same') })),
      );
      expect(new Set(all.map((one) => one.outcome !== 'full' && one.client.clientId)).size).toBe(1);
      expect(all.filter(({ outcome }) => outcome === 'registered')).toHaveLength(1);
    });

    it('A27: at the limit the longest unused makes room: never-used first, one in the middle of a sign-in last', async () => {
      const store = await bench.open({ bounds: { clients: 4 } });
      for (const name of ['used', 'new', 'signing-in', 'newest']) {
        await store.registerClient(register(name));
        bench.clock.advance(minute);
      }
      await begin(store, clientRequest('v', { clientId: 'client-used' }));
      bench.clock.advance(11 * minute);
      await begin(store, clientRequest('v', { clientId: 'client-signing-in' }));
      const gone: string[] = [];
      for (const name of ['1', '2', '3']) {
        await store.registerClient(register(name));
        // Each newcomer is used at once, so that it is no candidate itself.
        await connect(store, { request: { clientId: `client-${name}` } });
        for (const old of ['used', 'new', 'signing-in', 'newest']) {
          if (!gone.includes(old) && !(await store.findClient(`client-${old}`))) gone.push(old);
        }
      }
      expect(gone).toEqual(['new', 'newest', 'used']);
    });

    it('A27: never evicts a client with a live grant, and says when nothing else is left', async () => {
      const store = await bench.open({ bounds: { clients: 2 } });
      for (const name of ['a', 'b']) {
        await store.registerClient(register(name));
        await connect(store, { request: { clientId: `client-${name}` } });
      }
      expect(await store.registerClient(register('c'))).toEqual({ outcome: 'full' });
      expect(await store.findClient('client-a')).toBeDefined();
      expect(await store.findClient('client-b')).toBeDefined();
      expect(await store.registerClient(register('a'))).toMatchObject({ outcome: 'known' });
      bench.clock.advance(31 * day);
      expect(await store.registerClient(register('c'))).toMatchObject({ outcome: 'registered' });
    });

    it('A27: 300 registrations leave no more rows than the limit', async () => {
      const store = await bench.open({ bounds: { clients: 20 } });
      const ids: string[] = [];
      for (let i = 0; i < 300; i += 1) {
        ids.push(`client-${i}`);
        await store.registerClient(register(String(i)));
      }
      const left = await Promise.all(ids.map((id) => store.findClient(id)));
      expect(left.filter(Boolean)).toHaveLength(20);
    });

    it('counts a grant whose code is not redeemed yet as live', async () => {
      const store = await bench.open({ bounds: { clients: 1 } });
      await store.registerClient(register('a'));
      await signIn(store, { request: { clientId: 'client-a' } });
      expect(await store.registerClient(register('b'))).toEqual({ outcome: 'full' });
    });

    it('sweeps clients that were not used for 90 days, not those with a live grant', async () => {
      const store = await bench.open({ lifetimes: { refreshIdleMs: 200 * day, grantMs: 400 * day } });
      await store.registerClient(register('idle'));
      await store.registerClient(register('live'));
      await connect(store, { request: { clientId: 'client-live' } });
      bench.clock.advance(89 * day);
      await sweepAll(store);
      expect(await store.findClient('client-idle')).toBeDefined();
      bench.clock.advance(2 * day);
      await sweepAll(store);
      expect(await store.findClient('client-idle')).toBeUndefined();
      expect(await store.findClient('client-live')).toBeDefined();
    });

    it('finds nothing under a name that was never given', async () => {
      const store = await bench.open();
      expect(await store.findClient(secret('none'))).toBeUndefined();
      expect(await store.findClient('a\0b')).toBeUndefined();
    });
  });
