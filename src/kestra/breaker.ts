import { KestraError, networkCode } from './failure.ts';

export type BreakerState = 'closed' | 'open' | 'half_open';

/** What became of a request: `up` and `down` say something of Kestra, `unknown` (somebody gave up, a certificate) does not. */
export type Verdict = 'up' | 'down' | 'unknown';

/** Kestra was not asked. */
export class KestraPaused extends KestraError {
  constructor(message: string) {
    super('kestra_unreachable', message, { mayHaveArrived: false });
    this.name = 'KestraPaused';
  }
}

/** A refusal, and a fault of Kestra's own (500), come from a Kestra that is there. */
export const verdictOf = (outcome: { readonly answer: { readonly status: number } } | { readonly thrown: unknown }): Verdict => {
  if ('answer' in outcome) return [502, 503, 504].includes(outcome.answer.status) ? 'down' : 'up';
  const gone = /^(ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_SOCKET|UND_ERR_CONNECT_TIMEOUT|TimeoutError$)/;
  return gone.test(networkCode(outcome.thrown)) ? 'down' : 'unknown';
};

export interface BreakerRules {
  /** This many failures in a row; 0 = never. */
  readonly failures: number;
  /** Or more than half of at least so many requests within so long. */
  readonly atLeast: number;
  readonly windowMs: number;
  /** How long nothing is sent then, unless a look shows earlier that Kestra answers. */
  readonly openMs: number;
  /** Between two looks. */
  readonly lookEveryMs: number;
}

export const defaultBreakerRules: BreakerRules = { failures: 5, atLeast: 20, windowMs: 30_000, openMs: 10_000, lookEveryMs: 1000 };

/** Stands between all callers and one Kestra: where it is down, they are told so at once and it is spared them. */
export interface Breaker {
  readonly state: BreakerState;
  /**
   * Sends, if Kestra may be asked. After a pause one request goes through, and what becomes of it decides.
   * @throws KestraError `kestra_unreachable`, at once; nothing was sent then
   */
  run<T>(send: () => Promise<T>, judge: (outcome: { readonly answer: T } | { readonly thrown: unknown }) => Verdict): Promise<T>;
}

/**
 * @param look asks Kestra something small, for nobody, and resolves whether it answers; so callers need not wait for the pause to end
 * @param onChange told when it opens and when it closes
 */
export const createBreaker = ({
  rules: given = {},
  look,
  onChange = () => undefined,
  clock = Date.now,
}: {
  rules?: Partial<BreakerRules>;
  look: () => Promise<boolean>;
  onChange?: (state: 'closed' | 'open') => void;
  clock?: () => number;
}): Breaker => {
  const rules = { ...defaultBreakerRules, ...given };
  /** Undefined: closed. */
  let open: { until: number; probed: boolean; looked: boolean; noLookBefore: number } | undefined;
  let looking = false;
  /** Changes whenever it opens or closes: what was sent before says nothing of now. */
  let era = 0;
  let failures = 0;
  let seconds: { readonly at: number; up: number; down: number }[] = [];

  const count = (verdict: 'up' | 'down'): void => {
    const now = clock();
    failures = verdict === 'down' ? failures + 1 : 0;
    const oldest = now - rules.windowMs;
    if (seconds[0] && seconds[0].at < oldest) seconds = seconds.filter(({ at }) => at >= oldest);
    const last = seconds.at(-1);
    if (last && now - last.at < 1000) last[verdict] += 1;
    else seconds.push({ at: now, up: 0, down: 0, [verdict]: 1 });
    if (verdict === 'up' || rules.failures === 0) return;
    const down = seconds.reduce((sum, second) => sum + second.down, 0);
    const all = seconds.reduce((sum, second) => sum + second.up, down);
    if (failures >= rules.failures || (all >= rules.atLeast && down > all / 2)) pause(now);
  };

  const pause = (noLookBefore: number): void => {
    if (!open) onChange('open');
    era += 1;
    open = { until: clock() + rules.openMs, probed: false, looked: false, noLookBefore };
  };

  const close = (): void => {
    onChange('closed');
    era += 1;
    open = undefined;
    failures = 0;
    seconds = [];
  };

  /** At most one look at a time; a Kestra that seemed well and failed the next request is left alone until the pause ends. */
  const lookAhead = (): void => {
    const now = clock();
    if (!open || looking || now < open.noLookBefore) return;
    looking = true;
    const paused = open;
    look()
      .catch(() => false)
      .then((answers) => {
        looking = false;
        paused.noLookBefore = Math.max(paused.noLookBefore, clock() + rules.lookEveryMs);
        if (answers) Object.assign(paused, { until: clock(), probed: false, looked: true });
      });
  };

  const refuse = (until: number): never => {
    lookAhead();
    const seconds = Math.max(1, Math.ceil((until - clock()) / 1000));
    const text = `Kestra does not answer. It is tried again within ${seconds} s; nothing was sent now.`;
    throw new KestraPaused(text);
  };

  return {
    get state() {
      if (!open) return 'closed';
      return clock() >= open.until ? 'half_open' : 'open';
    },
    run: async (send, judge) => {
      const probe = open;
      if (probe) {
        if (clock() < probe.until || probe.probed) refuse(probe.until);
        probe.probed = true;
      }
      const began = era;
      const said = (verdict: Verdict): void => {
        if (began !== era) return;
        if (!probe) {
          if (verdict !== 'unknown') count(verdict);
        } else if (verdict === 'up') close();
        else if (verdict === 'down') pause(probe.looked ? clock() + rules.openMs : 0);
        else probe.probed = false;
      };
      let answer: Awaited<ReturnType<typeof send>>;
      try {
        answer = await send();
      } catch (thrown) {
        said(judge({ thrown }));
        throw thrown;
      }
      said(judge({ answer }));
      return answer;
    },
  };
};
