import type { Permission } from '../access/permission.ts';
import { isScope, type Scope, satisfies, scopes } from '../auth/scopes.ts';
import type { Caller, ToolCall } from './mcp-endpoint.ts';

/**
 * The scope that a tool with these permissions needs: the strongest that one of their actions asks for. Writing an execution (kill,
 * restart, resume) is running, not changing. None without permissions.
 */
export const scopeFor = (permissions: readonly Permission[]): Scope | undefined => {
  const each = permissions.map((permission): Scope => {
    if (permission === 'kestra.execution.write' || permission.endsWith('.execute')) return 'kestra.execute';
    return permission.endsWith('.read') ? 'kestra.read' : 'kestra.write';
  });
  return scopes.findLast((scope) => each.includes(scope));
};

/**
 * Permission first, scope second: asks for a wider token only if the caller's roles allow the call, else the tool layer says that there is
 * no such tool. Several calls in one request get one challenge that covers them all (MCP authorization, scope challenge handling).
 */
export const scopeChallenge =
  <C extends Caller>({
    needed,
    permitted,
    reads,
    challenge,
  }: {
    /** The scope that a call needs; undefined for none, and for unknown tools. */
    needed: (call: ToolCall) => Scope | undefined;
    permitted: (caller: C, call: ToolCall) => boolean;
    /** Do the caller's roles let them read anything at all? */
    reads: (caller: C) => boolean;
    /** The WWW-Authenticate value that asks for these scopes. */
    challenge: (what: { error: 'insufficient_scope'; description: string; scopes: readonly Scope[] }) => string;
  }) =>
  (caller: C, calls: readonly ToolCall[], reading: boolean): string | undefined => {
    const held = caller.scopes.filter(isScope);
    const lacking = calls.flatMap((call) => {
      const scope = needed(call);
      return scope && !satisfies(held, scope) && permitted(caller, call) ? [scope] : [];
    });
    if (reading && !satisfies(held, 'kestra.read') && reads(caller)) lacking.push('kestra.read');
    if (lacking.length === 0) return undefined;
    const asked = scopes.filter((scope) => held.includes(scope) || lacking.includes(scope));
    return challenge({
      error: 'insufficient_scope',
      description: `this call needs ${scopes.findLast((s) => lacking.includes(s))}`,
      scopes: asked,
    });
  };
