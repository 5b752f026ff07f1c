import { z } from 'zod';
import { PublicError } from '../errors.ts';

/** The arguments that many tools share. Their exact form is Kestra's and is checked when a path is built; lengths are checked here. */
const id = (most: number) => z.string().min(1, 'may not be empty').max(most, `may have at most ${most} characters`);

export const namespace = id(256)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'is not a namespace: lower-case letters, digits, dots, - and _, such as company.team')
  .describe('e.g. company.team');
export const flowId = id(256).regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/, 'is not a flow id: letters, digits, dots, - and _');
export const executionId = id(100).regex(/^[A-Za-z0-9]+$/, 'is not an execution id: letters and digits only');
export const children = z.boolean().optional().describe('also the namespaces below');
export const query = z.string().max(500).optional();
export const page = z.int().min(1, 'begins at 1').max(1_000_000).default(1);
export const size = z.int().min(1, 'is at least 1').max(200, 'is at most 200').default(25);

/** Kestra's states of an execution (State.Type). */
export const states = [
  'CREATED',
  'SUBMITTED',
  'RUNNING',
  'PAUSED',
  'BREAKPOINT',
  'QUEUED',
  'RESTARTED',
  'RESUBMITTED',
  'RETRYING',
  'KILLING',
  'SUCCESS',
  'WARNING',
  'FAILED',
  'KILLED',
  'CANCELLED',
  'SKIPPED',
  'RETRIED',
] as const;
export type State = (typeof states)[number];

/** Labels as a map. */
export const labels = z.record(z.string().min(1).max(255), z.string().min(1).max(255));

export const wait = z.boolean().optional();
export const timeoutSeconds = z
  .int()
  .min(1, 'is at least 1')
  .max(600, 'is at most 600')
  .default(45)
  .describe('50 at most without a progress token');

/** The totals that every list begins with. Behind the last page Kestra gives nothing, and for most lists a total of 0. */
export const paged = ({ page, size }: { page: number; size: number }, total: number) => ({
  total,
  page,
  size,
  more: page * size < total,
  ...(page > 1 && (page - 1) * size >= total && { note: `There is no page ${page} of this size; page 1 says how many there are.` }),
});

/** A moment with Z or an offset: Kestra takes one without as now. */
export const instant = z.iso.datetime({ offset: true, error: 'needs a date and time with Z or an offset, e.g. 2026-01-31T08:00:00+01:00' });

/** @throws PublicError `invalid_input` */
export const refuse = (why: string): never => {
  throw new PublicError('invalid_input', why);
};
