import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Harness } from './harness.ts';

describe('sign-in', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await Harness.start();
  });
  afterAll(() => h.stop());

  it('goes from registration to a refreshed token', async () => {
    const { clientId, tokens } = await h.signIn();
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: 'kestra.read kestra.execute kestra.write' });
    expect(await h.whoAmI(tokens.access_token)).toMatchObject({ key: `${h.idp.url}|sub-eve`, name: 'Eve Editor' });
    const refreshed = await h.refresh(clientId, tokens.refresh_token);
    expect(refreshed.status).toBe(200);
    const next = (await refreshed.json()) as typeof tokens;
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
    expect((await h.mcp(next.access_token)).status).toBe(200);
  });
});
