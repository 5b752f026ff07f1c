import { randomUUID } from 'node:crypto';
import type { JSONRPCMessage, McpServer, RequestId, Server, Transport } from '@modelcontextprotocol/server';
import type { Handshake } from './handshake.ts';
import { rpcCodes } from './refusal.ts';

/** A request of a client that may be asked something before it is answered. */
export interface Asker {
  readonly principalKey: string;
  readonly handshake: Handshake;
  /** The protocol version that it speaks. */
  readonly version: string;
  /** Called with each question: the user may take their time. */
  readonly onAsked: () => void;
}

interface Question {
  readonly principalKey: string;
  readonly answered: (message: JSONRPCMessage) => void;
}

/**
 * Requests of this server to clients of 2025-11-25 and before (elicitation, sampling, roots). They go out on the stream of the call that
 * needs them; the answers come in as requests of their own, which this finds the way back for: by an id that nobody can guess, and from the
 * same caller only.
 */
export interface Questions {
  /** Lets this server, which serves one request, ask that request's client. To be called before it is connected. */
  enable(server: Server | McpServer, asker: Asker): void;
  /** Hands over an answer. False: there is no such question, or it is somebody else's. */
  answer(principalKey: string, message: unknown): boolean;
  /** No more questions; those that wait are given up, and their calls go on without. */
  stop(): void;
}

export const createQuestions = (most: { readonly all: number; readonly each: number }): Questions => {
  const open = new Map<string, Question>();
  let stopped = false;

  const ask = (question: Question): string => {
    const own = [...open.values()].filter(({ principalKey }) => principalKey === question.principalKey);
    if (stopped) throw new Error('this server is stopping');
    if (open.size >= most.all || own.length >= most.each) throw new Error('too many questions wait for an answer');
    const id = randomUUID();
    open.set(id, question);
    return id;
  };

  /** Gives the server's requests ids of their own on the wire, and has it know what its client said at the handshake. */
  const prepare = (transport: Transport, { principalKey, handshake, version, onAsked }: Asker) => {
    const asked = new Map<RequestId, string>();
    const send = transport.send.bind(transport);
    const greeting = {
      jsonrpc: '2.0',
      id: randomUUID(),
      method: 'initialize',
      params: { protocolVersion: version, ...handshake },
    } as const;
    let greeted = (): void => undefined;
    const known = new Promise<void>((resolve) => {
      greeted = resolve;
    });
    transport.send = async (message, options) => {
      // The client had this answer long ago.
      if ('id' in message && message.id === greeting.id) return greeted();
      if (!('method' in message)) return send(message, options);
      if (!('id' in message)) {
        const given = message.method === 'notifications/cancelled' && asked.get(message.params?.requestId as RequestId);
        if (!given) return send(message, options);
        open.delete(given);
        return send({ ...message, params: { ...message.params, requestId: given } }, options);
      }
      const { id, params } = message;
      const answered = (answer: JSONRPCMessage) => transport.onmessage?.({ ...answer, id } as JSONRPCMessage);
      const outside = ask({ principalKey, answered });
      asked.set(id, outside);
      onAsked();
      const meta = params?._meta && { _meta: { ...params._meta, progressToken: outside } };
      return send({ ...message, id: outside, params: { ...params, ...meta } }, options);
    };
    transport.onclose = () => {
      for (const id of asked.values()) open.delete(id);
    };
    return {
      greet: async () => {
        transport.onmessage?.(greeting);
        await known;
      },
    };
  };

  return {
    enable: (server, asker) => {
      const connect = server.connect.bind(server);
      server.connect = async (transport) => {
        const { greet } = prepare(transport, asker);
        await connect(transport);
        await greet();
      };
    },
    answer: (principalKey, message) => {
      const id = typeof message === 'object' && message !== null && 'id' in message && !('method' in message) ? message.id : undefined;
      const question = typeof id === 'string' ? open.get(id) : undefined;
      if (typeof id !== 'string' || question?.principalKey !== principalKey) return false;
      open.delete(id);
      question.answered(message as JSONRPCMessage);
      return true;
    },
    stop: () => {
      stopped = true;
      for (const [id, { answered }] of open)
        answered({ jsonrpc: '2.0', id, error: { code: rpcCodes.refused, message: 'This server is stopping.' } });
      open.clear();
    },
  };
};
