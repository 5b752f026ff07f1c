import { type Grant, isNowhere } from '../access/grant.ts';
import type { Edition, KestraAtHand, ToolSeen } from '../auth/account/ports.ts';
import type { Kestra } from '../kestra/client.ts';
import { checkCredential, missing } from '../tools/account.ts';
import { tools } from '../tools/catalog.ts';
import { isEnterprise, reachOf } from '../tools/tool.ts';

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

/** The tools that a Kestra of this edition has, and where these grants allow them. */
export const toolsSeen = (edition: Edition | undefined, grants: readonly Grant[]): readonly ToolSeen[] =>
  tools
    .filter((tool) => edition !== 'OSS' || !isEnterprise(tool))
    .map((tool) => {
      const where = reachOf(tool, grants);
      return { name: tool.name, title: tool.title, where, ...(isNowhere(where) && { lacking: missing(tool, grants) }) };
    });
