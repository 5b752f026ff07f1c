import { randomBytes } from 'node:crypto';

/** Where in a trace something happens (W3C Trace Context). */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the parent of whatever comes next. */
  readonly spanId: string;
  readonly sampled: boolean;
  /** Of other systems, passed on as it came. */
  readonly state?: string;
}

const zeros = /^0+$/;

/**
 * What the fields of a request say, if they are well formed: a broken traceparent is none, and a broken tracestate is left out.
 * A version that is not known yet is read as far as 00 goes (W3C Trace Context §3.2.4, §4.3).
 */
export const readTraceContext = (traceparent: unknown, tracestate?: unknown): TraceContext | undefined => {
  if (typeof traceparent !== 'string' || traceparent.length > 200) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(traceparent) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (zeros.test(traceId) || zeros.test(spanId)) return undefined;
  const sampled = (Number.parseInt(flags, 16) & 1) === 1;
  return { traceId, spanId, sampled, ...(isState(tracestate) && { state: tracestate }) };
};

const member = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** W3C Trace Context §3.3.1, as far as anybody must pass it on: 512 characters. */
const isState = (text: unknown): text is string => {
  if (typeof text !== 'string' || text.length > 512) return false;
  const members = text.split(',').map((one) => one.trim());
  return members.length <= 32 && members.every((one) => one === '' || member.test(one)) && members.some((one) => one !== '');
};

/** A step further in the same trace. */
export const nextStep = (context: TraceContext): TraceContext => ({ ...context, spanId: randomBytes(8).toString('hex') });

/** The headers that tell the next server of it. */
export const traceHeaders = ({ traceId, spanId, sampled, state }: TraceContext): Record<string, string> => ({
  traceparent: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`,
  ...(state !== undefined && { tracestate: state }),
});
