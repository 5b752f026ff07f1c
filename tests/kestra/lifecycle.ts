import { between, now } from './clock.ts';

export type StateName =
  | 'CREATED'
  | 'SUBMITTED'
  | 'RUNNING'
  | 'PAUSED'
  | 'RESTARTED'
  | 'KILLING'
  | 'SUCCESS'
  | 'WARNING'
  | 'FAILED'
  | 'KILLED'
  | 'CANCELLED'
  | 'QUEUED'
  | 'RETRYING'
  | 'RETRIED'
  | 'SKIPPED'
  | 'BREAKPOINT'
  | 'RESUBMITTED';

export const stateNames: Record<'1.3' | '2.0', readonly StateName[]> = {
  '1.3': [
    'CREATED',
    'SUBMITTED',
    'RUNNING',
    'PAUSED',
    'RESTARTED',
    'KILLING',
    'SUCCESS',
    'WARNING',
    'FAILED',
    'KILLED',
    'CANCELLED',
    'QUEUED',
    'RETRYING',
    'RETRIED',
    'SKIPPED',
    'BREAKPOINT',
    'RESUBMITTED',
  ],
  '2.0': [
    'CREATED',
    'SUBMITTED',
    'RUNNING',
    'PAUSED',
    'RESTARTED',
    'KILLING',
    'SUCCESS',
    'WARNING',
    'FAILED',
    'KILLED',
    'CANCELLED',
    'QUEUED',
    'RETRYING',
    'RETRIED',
    'SKIPPED',
    'BREAKPOINT',
    'RESUBMITTED',
  ],
};

/** The states that an execution, a task run or an attempt has gone through. */
export interface Life {
  state: StateName;
  date: string;
}

const ended: ReadonlySet<StateName> = new Set(['SUCCESS', 'WARNING', 'FAILED', 'KILLED', 'CANCELLED', 'RETRIED', 'SKIPPED', 'RESUBMITTED']);

/** Whether nothing more happens in this state. */
export function isEnd(state: StateName): boolean {
  return ended.has(state);
}

/** The state that a life is in. */
export function current(life: readonly Life[]): StateName {
  return life.at(-1)?.state ?? 'CREATED';
}

/** Moves on to a state. */
export function enter(life: Life[], state: StateName, date: string = now()): void {
  life.push({ state, date });
}

/** A life as Kestra shows it: a paused one has an end as well. */
export function stateJson(life: readonly Life[]): {
  current: StateName;
  histories: Life[];
  duration?: string;
  startDate: string;
  endDate?: string;
} {
  const state = current(life);
  const startDate = life[0]?.date ?? '';
  const endDate = isEnd(state) || state === 'PAUSED' ? life.at(-1)?.date : undefined;
  return {
    current: state,
    histories: life.map((step) => ({ ...step })),
    ...(endDate ? { duration: between(startDate, endDate), startDate, endDate } : { startDate }),
  };
}
