import type { Edition, KestraAtHand, ToolNeeds } from '../auth/account/ports.ts';
import type { Kestra } from '../kestra/client.ts';
import { checkCredential } from '../tools/account.ts';
import { tools } from '../tools/catalog.ts';
import { isEnterprise } from '../tools/tool.ts';

/** How long the account page waits to learn which edition Kestra is. Then it offers what every edition takes. */
const aboutWaitMs = 2000;

/** Kestra as the account page needs it. */
export const kestraAtHand = (kestra: Kestra): KestraAtHand => ({
  about: (credential) => {
    const asked = kestra.instance(credential).then(
      ({ edition, uiUrl }) => ({ edition, uiUrl }),
      () => ({}),
    );
    const late = new Promise<Record<string, never>>((resolve) => setTimeout(resolve, aboutWaitMs, {}).unref());
    return Promise.race([asked, late]);
  },
  check: async (credential) => checkCredential(kestra.as({ credential }), await kestra.instance(credential)),
});

/** The tools that a Kestra of this edition has. */
export const toolNeeds = (edition: Edition | undefined): readonly ToolNeeds[] =>
  tools.filter((tool) => edition !== 'OSS' || !isEnterprise(tool));
