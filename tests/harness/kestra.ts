import { expect } from 'vitest';
import { current, type StateName } from '../kestra/lifecycle.ts';
import { type Part, readMultipart } from '../kestra/multipart.ts';
import type { Kestra, Recorded } from '../kestra/server.ts';
import type { Execution } from '../kestra/state.ts';

/** Saves flows past the program under test, each as a new one or a new revision. */
export const saveFlows = async (kestra: Kestra, ...sources: readonly string[]): Promise<void> => {
  for (const source of sources) {
    const namespace = /^namespace: (.+)$/m.exec(source)?.[1] ?? '';
    const id = /^id: (.+)$/m.exec(source)?.[1] ?? '';
    const exists = kestra.state.flow(namespace, id) !== undefined;
    const response = await fetch(`${kestra.url}/api/v1/main/flows${exists ? `/${namespace}/${id}` : ''}`, {
      method: exists ? 'PUT' : 'POST',
      headers: { ...kestra.headers, 'content-type': 'application/x-yaml' },
      body: source,
    });
    expect(response.status, `${source}\n${await response.text()}`).toBe(200);
  }
};

/** Starts an execution past the program under test, and gives its id. */
export const execute = async (kestra: Kestra, namespace: string, flowId: string, inputs: Record<string, string> = {}): Promise<string> => {
  const form = new FormData();
  for (const [name, value] of Object.entries(inputs)) form.append(name, value);
  const response = await fetch(`${kestra.url}/api/v1/main/executions/${namespace}/${flowId}`, {
    method: 'POST',
    headers: kestra.headers,
    body: form,
  });
  const { id } = (await response.json()) as { id: string };
  expect(response.status).toBe(200);
  return id;
};

/** Resolves when an execution has ended. */
export const ended = (kestra: Kestra, executionId: string): Promise<void> => kestra.state.ended(executionId);

/** Resolves when an execution is in a state. */
export const reached = (kestra: Kestra, executionId: string, state: StateName): Promise<void> =>
  kestra.state.ended(executionId, ({ life }) => current(life) === state);

/** The executions of a flow, oldest first. */
export const executionsOf = (kestra: Kestra, namespace: string, flowId: string): Execution[] =>
  [...kestra.state.executions.values()].filter((execution) => execution.namespace === namespace && execution.flowId === flowId);

/** What Kestra is asked while something happens; what it is (GET /configs) is asked whenever the program likes. */
export const during = async <T>(
  kestra: Kestra,
  action: () => Promise<T>,
): Promise<{ result: T; requests: Recorded[]; asked: string[] }> => {
  const before = kestra.requests.length;
  const result = await action();
  const requests = kestra.requests.slice(before).filter(({ path }) => path !== '/api/v1/configs');
  return { result, requests, asked: requests.map(({ method, path }) => `${method} ${path.replace('/api/v1/', '')}`) };
};

/** The requests that change something. */
export const writes = (requests: readonly Recorded[]): Recorded[] =>
  requests.filter(({ method, path }) => method !== 'GET' && !path.endsWith('/flows/validate'));

/** Nothing that a client must never do was done, and no stream was left open. */
export const expectInnocent = async (kestra: Kestra): Promise<void> => {
  expect(kestra.offences).toEqual([]);
  expect(kestra.strays).toEqual([]);
  for (let turn = 0; turn < 100 && kestra.openFollows > 0; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(kestra.openFollows).toBe(0);
};

/** The parts of a multipart request. */
export const partsOf = ({ headers, body }: Recorded): Promise<Part[]> =>
  readMultipart(new Request('http://kestra', { method: 'POST', headers, body: new Uint8Array(body) }));
