import { describe, expect, it } from 'vitest';
import { Bench } from './bench.ts';
import { ada, bob, connect, type Engine, here, kinds } from './story.ts';

export const credentialsContract = (engine: Engine) =>
  describe('credentials', () => {
    const bench = new Bench(engine);
    const instance = 'https://kestra.example.com';
    const mine = { user: ada, instance };

    it('keeps one for each user and instance, replaces and removes it', async () => {
      const store = await bench.open();
      expect(await store.getCredential(mine)).toEqual({ outcome: 'none' });
      await store.putCredential(mine, { secret: 'first' }, here);
      await store.putCredential(mine, { secret: 'second', hint: '…cond', display: { name: 'Ada L.' } }, here);
      await store.putCredential({ user: bob, instance }, { secret: 'his' }, here);
      await store.putCredential({ user: ada, instance: 'https://other' }, { secret: 'elsewhere' }, here);
      expect(await store.getCredential(mine)).toEqual({
        outcome: 'found',
        ...mine,
        secret: 'second',
        hint: '…cond',
        display: { name: 'Ada L.' },
        storedAt: bench.clock.now(),
      });
      expect(await store.getCredential({ user: bob, instance })).toMatchObject({ secret: 'his' });
      expect(await store.deleteCredential(mine, here)).toBe(true);
      expect(await store.deleteCredential(mine, here)).toBe(false);
      expect(await store.getCredential(mine)).toEqual({ outcome: 'none' });
      expect(await store.getCredential({ user: ada, instance: 'https://other' })).toMatchObject({ secret: 'elsewhere' });
      expect((await kinds(store)).filter((kind) => kind.startsWith('credential'))).toEqual([
        'credential_removed',
        ...Array(4).fill('credential_stored'),
      ]);
    });

    it('A37: an equal subject of another issuer, and an equal name in another case, is another user', async () => {
      const store = await bench.open();
      await store.putCredential(mine, { secret: 'first' }, here);
      for (const user of [
        { ...ada, issuer: 'https://other' },
        { ...ada, subject: 'Ada' },
        { ...ada, subject: 'ada ' },
      ]) {
        expect(await store.getCredential({ user, instance })).toEqual({ outcome: 'none' });
        expect(await store.deleteCredential({ user, instance }, here)).toBe(false);
      }
      expect(await store.getCredential(mine)).toMatchObject({ secret: 'first' });
    });

    it('lists without secrets, page by page', async () => {
      const store = await bench.open();
      const subjects = ['a', 'b', 'c', 'd', 'e'];
      for (const subject of subjects) await store.putCredential({ user: { ...ada, subject }, instance }, { secret: 'CANARY' }, here);
      const seen: string[] = [];
      let page = await store.listCredentials({ limit: 2 });
      while (page.length > 0) {
        seen.push(...page.map(({ user }) => user.subject));
        expect(JSON.stringify(page)).not.toContain('CANARY');
        page = await store.listCredentials({ after: page.at(-1), limit: 2 });
      }
      expect(seen).toEqual(subjects);
    });

    it('keeps an import pending until a sign-in shows both names, once', async () => {
      const store = await bench.open();
      const imported = { issuer: ada.issuer, subject: 'pairwise-1' };
      await store.importCredential({ user: imported, instance }, { secret: 'old' }, here);
      await store.importCredential({ user: imported, instance }, { secret: 'older file', hint: 'h' }, here);
      expect(await store.getCredential({ user: imported, instance })).toEqual({ outcome: 'none' });
      expect(await store.adoptImported(bob, mine, here)).toBe(false);
      expect(await store.adoptImported(imported, mine, here)).toBe(true);
      expect(await store.adoptImported(imported, { user: bob, instance }, here)).toBe(false);
      expect(await store.getCredential(mine)).toMatchObject({ secret: 'older file', hint: 'h' });
      expect(await store.getCredential({ user: bob, instance })).toEqual({ outcome: 'none' });
    });

    it('an import never replaces what is there', async () => {
      const store = await bench.open();
      await store.putCredential(mine, { secret: 'new' }, here);
      await store.importCredential(mine, { secret: 'old' }, here);
      expect(await store.getCredential(mine)).toMatchObject({ secret: 'new' });
      expect(await store.adoptImported(ada, mine, here)).toBe(true);
      expect(await store.getCredential(mine)).toMatchObject({ secret: 'new' });
      expect(await store.adoptImported(ada, mine, here)).toBe(false);
    });

    it('finds users by subject or e-mail in any case, and lists them with what they have', async () => {
      const store = await bench.open();
      await connect(store);
      await store.putCredential({ user: bob, instance }, { secret: 's', display: { email: 'bob@example.com' } }, here);
      expect(await store.findUsers('aDA@EXAMPLE.com')).toMatchObject([{ user: ada, liveGrants: 1, credentials: [] }]);
      expect(await store.findUsers('bob')).toMatchObject([{ user: bob, liveGrants: 0, credentials: [instance] }]);
      expect(await store.findUsers('%')).toEqual([]);
      const page = await store.listUsers({ limit: 1 });
      expect(page.map(({ user }) => user)).toEqual([ada]);
      expect((await store.listUsers({ after: page[0]?.user, limit: 5 })).map(({ user }) => user)).toEqual([bob]);
    });
  });
