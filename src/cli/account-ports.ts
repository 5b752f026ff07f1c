import { type Grant, isNowhere } from '../access/grant.ts';
import type { Edition, KestraAtHand, ToolSeen } from '../auth/account/ports.ts';
import type { Kestra } from '../kestra/client.ts';
import { soon } from '../kestra/instance.ts';
import { checkCredential, missing } from '../tools/account.ts';
import { tools } from '../tools/catalog.ts';
import { isEnterprise, reachOf } from '../tools/tool.ts';

/** Kestra as the account page needs it. Where it does not say which edition it is, the page offers what every edition takes. */
export const kestraAtHand = (kestra: Kestra): KestraAtHand => ({
  about: async (credential) => {
    const instance = await soon(kestra.instance(credential));
    return instance ? { edition: instance.edition, uiUrl: instance.uiUrl } : {};
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
