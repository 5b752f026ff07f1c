import type { z } from 'zod';
import { list, seconds, whole } from './setting-kinds.ts';

/** The settings that say how much there may be, and for how long. */
export const limitSettings = {
  KESTRA_CONNECT_SECONDS: seconds(0.1, 60).default(3).describe('how long a connection to Kestra may take'),
  KESTRA_BREAKER_FAILURES: whole(0, 1000)
    .default(5)
    .describe('after how many failures in a row Kestra counts as down, and is asked less; 0 = never'),
  KESTRA_BREAKER_SECONDS: seconds(1, 600).default(10).describe('and after how long at the latest it is asked again'),
  OIDC_TIMEOUT_SECONDS: seconds(1, 60).default(5).describe('how long the identity provider may take'),
  KESTRA_MCP_CONCURRENT_CALLS: whole(1, 1000).default(8).describe('calls of one user at the same time'),
  KESTRA_MCP_CONCURRENT_CALLS_ALL: whole(1, 100_000).default(200).describe('and of all users'),
  KESTRA_MCP_WAITING_CALLS: whole(1, 1000).default(8).describe('calls of one user that wait for an execution, besides those'),
  KESTRA_MCP_WAITING_CALLS_ALL: whole(1, 100_000).default(500).describe('and of all users'),
  KESTRA_MCP_QUEUED_CALLS: whole(0, 10_000).default(32).describe('calls of one user that stand in line for their turn; 0 = none'),
  KESTRA_MCP_QUEUED_CALLS_ALL: whole(0, 100_000).default(1000).describe('and of all users'),
  KESTRA_MCP_QUEUE_SECONDS: seconds(0, 60).default(10).describe('how long one stands in line'),
  KESTRA_MCP_CALLS_PER_MINUTE: whole(1, 1_000_000).default(1200).describe('calls of one user in a minute'),
  KESTRA_MCP_RATES: list.describe(
    'how often who may knock, as name=most/seconds,…: registration, guess and transaction, by address and client, and more (docs/observability.md)',
  ),
  KESTRA_MCP_CALL_SECONDS: seconds(1, 3600).default(60).describe('how long a call may take'),
  KESTRA_MCP_WAIT_SECONDS: seconds(1, 86_400).default(3600).describe('and one that waits for an execution'),
  KESTRA_MCP_BODY_BYTES: whole(10_000, 100_000_000).default(4_194_304).describe('the largest request'),
  KESTRA_MCP_BATCH: whole(1, 1000).default(50).describe('messages in one request (protocol 2025-03-26 and before)'),
  KESTRA_MCP_SUBSCRIPTIONS: whole(0, 1000).default(8).describe('subscription streams of one user at the same time'),
  KESTRA_MCP_SUBSCRIPTIONS_ALL: whole(0, 100_000).default(256).describe('and of all users'),
  KESTRA_MCP_ANSWER_CHARACTERS: whole(2000, 1_000_000).default(25_000).describe('the longest answer; what is cut is said'),
};

/** How much there may be of what. Times in milliseconds. */
export interface Limits {
  /** Calls that run, those that wait for something in Kestra, and those that stand in line: of one user, and of all. */
  readonly calls: Most;
  readonly waits: Most;
  readonly queued: Most;
  readonly queueMs: number;
  readonly perMinute: number;
  /** Changes to the rules of the authorization server, as KESTRA_MCP_RATES has them. */
  readonly rates: readonly string[];
  readonly callMs: number;
  readonly waitMs: number;
  /** Of a request, in bytes. */
  readonly bodyBytes: number;
  readonly batch: number;
  readonly subscriptions: number;
  readonly subscriptionsEach: number;
  /** Characters of an answer's text. */
  readonly answer: number;
}

interface Most {
  readonly each: number;
  readonly all: number;
}

export const limitsOf = (s: z.output<z.ZodObject<typeof limitSettings>>): Limits =>
  Object.freeze({
    calls: { each: s.KESTRA_MCP_CONCURRENT_CALLS, all: s.KESTRA_MCP_CONCURRENT_CALLS_ALL },
    waits: { each: s.KESTRA_MCP_WAITING_CALLS, all: s.KESTRA_MCP_WAITING_CALLS_ALL },
    queued: { each: s.KESTRA_MCP_QUEUED_CALLS, all: s.KESTRA_MCP_QUEUED_CALLS_ALL },
    queueMs: s.KESTRA_MCP_QUEUE_SECONDS * 1000,
    perMinute: s.KESTRA_MCP_CALLS_PER_MINUTE,
    rates: s.KESTRA_MCP_RATES,
    callMs: s.KESTRA_MCP_CALL_SECONDS * 1000,
    waitMs: s.KESTRA_MCP_WAIT_SECONDS * 1000,
    bodyBytes: s.KESTRA_MCP_BODY_BYTES,
    batch: s.KESTRA_MCP_BATCH,
    subscriptions: s.KESTRA_MCP_SUBSCRIPTIONS_ALL,
    subscriptionsEach: s.KESTRA_MCP_SUBSCRIPTIONS,
    answer: s.KESTRA_MCP_ANSWER_CHARACTERS,
  });
