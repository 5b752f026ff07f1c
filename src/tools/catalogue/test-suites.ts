import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import type { Reply } from '../../kestra/operation.ts';
import { ifFound } from '../absence.ts';
import { answer } from '../answer.ts';
import { confirm, insistOnConfirm } from '../confirm.ts';
import { children, flowId, namespace, page, paged, refuse, size } from '../fields.ts';
import { brief, quoted } from '../quoted.ts';
import { parseSource } from '../source.ts';
import { type Context, recipe, tool } from '../tool.ts';

const testId = z
  .string()
  .max(256)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/, 'is not the id of a test suite');
const target = ({ namespace }: { namespace: string }) => ({ namespace });

export const searchTestSuites = tool('searchTestSuites')({
  name: 'search_test_suites',
  title: 'Search test suites',
  description: 'The unit tests of the flows of a namespace (Enterprise). Then run_test_suite.',
  keywords: 'unit tests',
  permissions: ['kestra.test.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace, children, flow_id: flowId.optional(), page, size }),
  target,
  call: ({ namespace, children, flow_id, page, size }) => ({
    query: { namespace, includeChildNamespaces: children === true, flowId: flow_id, page, size },
  }),
  show: ({ total, results }, { namespace, page, size }) =>
    answer({
      ...paged({ page, size }, total),
      test_suites: results.map(({ id, namespace, flowId, disabled, testCases, description }) => ({
        namespace,
        test_id: id,
        flow_id: flowId,
        ...(disabled && { disabled }),
        cases: testCases.length,
        ...quoted({ description: brief(description) }),
      })),
      ...(total === 0 && page === 1 && { note: `No test suite was found in ${namespace}.` }),
    }),
});

const existingSuite = async (context: Context<'getTestSuite'>, namespace: string, id: string): Promise<Reply<'getTestSuite'>> => {
  const suite = await ifFound(context.invoke('getTestSuite', { path: { namespace, id } }));
  if (suite) return suite;
  throw new PublicError('not_found', `There is no test suite ${id} in ${namespace}: search_test_suites shows those there are.`);
};

export const getTestSuite = recipe({
  name: 'get_test_suite',
  title: 'Get test suite',
  description: 'The YAML source of a test suite (Enterprise).',
  permissions: ['kestra.test.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace, test_id: testId }),
  target,
  uses: ['getTestSuite'],
  run: async ({ namespace, test_id }, context) => {
    const { flowId, disabled, testCases, source, description } = await existingSuite(context, namespace, test_id);
    return answer(
      {
        namespace,
        test_id,
        flow_id: flowId,
        ...(disabled && { disabled }),
        cases: testCases.map(({ id }) => id),
        ...quoted({ description }),
      },
      { name: 'source', language: 'yaml', text: source ?? '' },
    );
  },
});

export const saveTestSuite = recipe({
  name: 'save_test_suite',
  title: 'Save test suite',
  description: 'Validate a test suite and create it, or replace the one of its id (Enterprise). With dry_run it is only validated.',
  permissions: ['kestra.test.write', 'kestra.test.read'],
  effect: 'write',
  input: () =>
    z.strictObject({
      source: z
        .string()
        .min(1)
        .describe('YAML')
        .transform((text) => parseSource(text)),
      dry_run: z.boolean().optional(),
    }),
  target: ({ source }) => ({ namespace: source.namespace }),
  uses: ['validateTestSuite', 'getTestSuite', 'createTestSuite', 'updateTestSuite'],
  run: async ({ source, dry_run }, context) => {
    const { namespace, text } = source;
    const id = source.id ?? refuse('The source has no id: add a line such as "id: my-tests".');
    if (!testId.safeParse(id).success) refuse(`id: ${JSON.stringify(id.slice(0, 100))} is not an id that Kestra allows.`);
    const { constraints } = await context.invoke('validateTestSuite', { body: text });
    const before = await ifFound(context.invoke('getTestSuite', { path: { namespace, id } }));
    const facts = { namespace, test_id: id };
    if (dry_run)
      return answer({
        ...facts,
        valid: !constraints,
        would: before ? 'replace' : 'create',
        saved: false,
        ...quoted({ problems: constraints }),
      });
    if (constraints)
      throw new PublicError('kestra_refused', 'Kestra finds the test suite invalid; nothing was saved.', undefined, constraints);
    const saved = await (before
      ? context.invoke('updateTestSuite', { path: { namespace, id }, body: text })
      : context.invoke('createTestSuite', { body: text }));
    return answer({ done: before ? 'replaced' : 'created', ...facts, flow_id: saved.flowId, cases: saved.testCases.length });
  },
});

const verdict = ({ id, testSuiteId, namespace, flowId, state, startDate, endDate, results = [] }: Reply<'runTestSuite'>) => ({
  result_id: id,
  namespace,
  test_id: testSuiteId,
  flow_id: flowId,
  state,
  started: startDate,
  ended: endDate,
  cases: results.map((result) => ({
    case_id: result.testId,
    state: result.state,
    execution_id: result.executionId,
    ...quoted({
      failed: result.assertionResults
        ?.filter(({ isSuccess }) => !isSuccess)
        .map(({ operator, expected, actual, taskId, description }) => ({
          taskId,
          operator,
          expected,
          actual,
          description,
        })),
      errors: result.errors?.map(({ message }) => message),
    }),
  })),
});

export const runTestSuite = recipe({
  name: 'run_test_suite',
  title: 'Run test suite',
  description: "Run a flow's unit tests, or some of their cases, and say what failed (Enterprise). Tasks without a fixture really run.",
  keywords: 'unit tests',
  permissions: ['kestra.test.read', 'kestra.flow.execute'],
  effect: 'run',
  input: () => z.strictObject({ namespace, test_id: testId, cases: z.array(z.string().min(1)).min(1).optional() }),
  target,
  uses: ['getTestSuite', 'runTestSuite'],
  run: async ({ namespace, test_id, cases }, context) => {
    const suite = await existingSuite(context, namespace, test_id);
    const unknown = (cases ?? []).filter((name) => !suite.testCases.some(({ id }) => id === name));
    if (unknown.length > 0) refuse(`There is no case ${unknown.join(', ')}: ${suite.testCases.map(({ id }) => id).join(', ')}.`);
    return answer(verdict(await context.invoke('runTestSuite', { path: { namespace, id: test_id }, body: { testCases: cases } })));
  },
});

export const testResults = tool('searchTestSuitesResults')({
  name: 'search_test_results',
  title: 'Search test results',
  description: 'What earlier runs of the test suites of a namespace gave (Enterprise).',
  permissions: ['kestra.test.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace, flow_id: flowId.optional(), test_id: testId.optional(), page, size }),
  target,
  call: ({ namespace, flow_id, test_id, page, size }) => ({ query: { namespace, flowId: flow_id, testSuiteId: test_id, page, size } }),
  show: ({ total, results }, { namespace, page, size }) =>
    answer({
      ...paged({ page, size }, total),
      results: results.map(verdict),
      ...(total === 0 && page === 1 && { note: `No test of ${namespace} has run.` }),
    }),
});

export const deleteTestSuite = recipe({
  name: 'delete_test_suite',
  title: 'Delete test suite',
  description: 'Delete a test suite (Enterprise); the flow stays.',
  permissions: ['kestra.test.delete'],
  effect: 'destroy',
  input: () => z.strictObject({ namespace, test_id: testId, confirm }),
  target,
  uses: ['getTestSuite', 'deleteTestSuite'],
  run: async ({ namespace, test_id, confirm }, context) => {
    const { flowId, testCases } = await existingSuite(context, namespace, test_id);
    insistOnConfirm(
      confirm,
      test_id,
      `This deletes the test suite ${test_id} of ${namespace} with its ${testCases.length} cases for the flow ${flowId}.`,
    );
    await context.invoke('deleteTestSuite', { path: { namespace, id: test_id } });
    return answer({ done: 'deleted', namespace, test_id, flow_id: flowId });
  },
});
