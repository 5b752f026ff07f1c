/**
 * The redirect URI with our answer added to its query, whose own part stays as it is: `state` as it came and `iss`, once
 * (OAuth 2.1 §4.1.2, RFC 9207 §2).
 */
export const authorizationResponse = (
  { redirectUri, state }: { redirectUri: string; state?: string },
  issuer: string,
  answer: { code: string } | { error: string; error_description: string },
): string => {
  const query = new URLSearchParams({ ...answer, ...(state !== undefined && { state }), iss: issuer });
  const joint = !redirectUri.includes('?') ? '?' : /[?&]$/.test(redirectUri) ? '' : '&';
  return `${redirectUri}${joint}${query}`;
};
