import { describe, expect, test } from 'vitest';
import { nextStep, readTraceContext, traceHeaders } from '../../src/telemetry/trace-context.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

describe('W3C trace context', () => {
  test('is read and passed on with a step of its own', () => {
    const context = readTraceContext(`00-${traceId}-${spanId}-01`, 'vendor=a:b, other@x=1');
    expect(context).toEqual({ traceId, spanId, sampled: true, state: 'vendor=a:b, other@x=1' });
    if (!context) return;
    const next = nextStep(context);
    expect(next.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(next.spanId).not.toBe(spanId);
    expect(traceHeaders(next)).toEqual({ traceparent: `00-${traceId}-${next.spanId}-01`, tracestate: 'vendor=a:b, other@x=1' });
    expect(readTraceContext(`00-${traceId}-${spanId}-00`)).toEqual({ traceId, spanId, sampled: false });
  });

  test('a version that is not known yet is read as far as 00 goes', () => {
    expect(readTraceContext(`cc-${traceId}-${spanId}-09-what-the-future-will-be`)).toEqual({ traceId, spanId, sampled: true });
  });

  test.each([
    '',
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-01-more`,
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    ` 00-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01\r\nX-Admin: 1`,
    `cc-${traceId}-${spanId}-01-${'x'.repeat(1000)}`,
    ['00', traceId, spanId, '01'],
    7,
    undefined,
  ])('%j is none', (traceparent) => expect(readTraceContext(traceparent)).toBeUndefined());

  test.each(['no pair', '=x', 'A=1', 'a=1\r\nX-Admin: 1', `a=${'x'.repeat(600)}`, Array(40).fill('a=1').join(','), ',', 7, ''])(
    'a state of %j is left out, and the rest counts',
    (state) => expect(readTraceContext(`00-${traceId}-${spanId}-01`, state)).toEqual({ traceId, spanId, sampled: true }),
  );
});
