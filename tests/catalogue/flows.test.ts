import { describe, expect, test } from 'vitest';
import { during, ended, execute, saveFlows, writes } from '../harness/kestra.ts';
import { hello, onEveryKestra } from '../tools/setting.ts';
import { confirmed, facts, refused, runTool } from './run.ts';

onEveryKestra("a flow's history", (at) => {
  const flow = { namespace: 'past', flow_id: 'grown' };
  const source = (message: string) => hello('past', 'grown').replace('hello', message);

  test('is listed newest first, with what each revision changed', async () => {
    await saveFlows(at.kestra, source('one'), source('two'), `${source('three')}description: more\n`);
    expect(await facts(at, 'list_flow_revisions', flow)).toMatchObject({
      total: 3,
      revisions: [{ revision: 3, lines_added: 2, lines_removed: 1 }, { revision: 2, lines_added: 1, lines_removed: 1 }, { revision: 1 }],
    });
    expect(await facts(at, 'list_flow_revisions', { ...flow, size: 1, page: 2 })).toMatchObject({
      more: true,
      revisions: [{ revision: 2 }],
    });
  });

  test('shows as a diff what changed between two revisions, or until today', async () => {
    const { text, structured } = await runTool(at, 'diff_flow_revisions', { ...flow, from_revision: 1, to_revision: 2 });
    expect(structured).toMatchObject({ from_revision: 1, to_revision: 2, same: false });
    expect(text).toContain('```diff\n--- revision 1\n+++ revision 2\n');
    expect(text).toMatch(/-\s+message: one\n\+\s+message: two/);
    expect(await facts(at, 'diff_flow_revisions', { ...flow, from_revision: 3 })).toMatchObject({ to_revision: 3, same: true });
    expect(await facts(at, 'diff_flow_revisions', flow)).toMatchObject({ from_revision: 2, to_revision: 3 });
    await refused(at, 'diff_flow_revisions', { ...flow, to_revision: 1 }, /Revision 1 is the first/);
    await refused(at, 'diff_flow_revisions', { ...flow, from_revision: 9 }, /has no revision 9: list_flow_revisions/);
  });

  test('is returned to as a new revision, and can be taken back', async () => {
    await refused(at, 'rollback_flow', { ...flow, to_revision: 1, expected_revision: 2 }, /is at revision 3, not 2. Nothing was saved/);
    const back = await facts(at, 'rollback_flow', { ...flow, to_revision: 1, expected_revision: 3 });
    expect(back).toMatchObject({ done: 'rolled back', revision_before: 3, revision_after: 4, undo: 'rollback_flow with to_revision 3' });
    expect(at.kestra.state.flow('past', 'grown')?.source).toBe(source('one'));
    expect(await facts(at, 'rollback_flow', { ...flow, to_revision: 1 })).toMatchObject({
      done: 'nothing: the current source is the same',
    });
  });

  test('of a flow that is not there is none, and the answer says where to look', async () => {
    await refused(at, 'list_flow_revisions', { namespace: 'past', flow_id: 'nope' }, /There is no flow nope in past/);
    await refused(
      at,
      'rollback_flow',
      { namespace: 'nowhere', flow_id: 'nope', to_revision: 1 },
      /There is no flow in nowhere or below it/,
    );
  });
});

onEveryKestra('a flow', (at) => {
  test('is disabled and enabled again, as new revisions', async () => {
    await saveFlows(at.kestra, hello('state', 'one'));
    const flow = { namespace: 'state', flow_id: 'one' };
    expect(await facts(at, 'disable_flow', flow)).toMatchObject({
      done: 'disabled',
      disabled: true,
      revision_before: 1,
      revision_after: 2,
    });
    const { result, requests } = await during(at.kestra, () => facts(at, 'disable_flow', flow));
    expect(result).toMatchObject({ done: 'nothing: it was so already' });
    expect(writes(requests)).toEqual([]);
    expect(await facts(at, 'enable_flow', flow)).toMatchObject({ done: 'enabled', disabled: false, revision_after: 3 });
    await refused(at, 'disable_flow', { namespace: 'state', flow_id: 'nope' }, /There is no flow nope/);
  });

  test('is deleted only when its name is repeated, after saying what goes with it', async () => {
    const trigger = 'triggers:\n  - id: nightly\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: "0 3 * * *"\n';
    await saveFlows(at.kestra, hello('state', 'gone') + trigger);
    const flow = { namespace: 'state', flow_id: 'gone' };
    const done = await confirmed(
      at,
      'delete_flow',
      flow,
      'state.gone',
      /deletes the flow gone of state, at revision 1, and its triggers nightly/,
    );
    expect(done).toMatchObject({ done: 'deleted', last_revision: 1 });
    expect(at.kestra.state.flow('state', 'gone')).toBeUndefined();
    await refused(at, 'delete_flow', flow, /There is no flow gone/);
  });

  test('is drawn with its branches and what holds them', async () => {
    const branches = `id: drawn
namespace: state
tasks:
  - id: all
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - id: left
        type: io.kestra.plugin.core.log.Log
        message: l
      - id: right
        type: io.kestra.plugin.core.log.Log
        message: r
  - id: choice
    type: io.kestra.plugin.core.flow.If
    condition: "{{ true }}"
    then:
      - id: yes1
        type: io.kestra.plugin.core.log.Log
        message: y
`;
    await saveFlows(at.kestra, branches);
    const drawn = await runTool(at, 'flow_graph', { namespace: 'state', flow_id: 'drawn' });
    expect(drawn.structured).toMatchObject({ tasks: 5 });
    expect(drawn.text).toContain('```mermaid\nflowchart TD\n');
    expect(drawn.text).toMatch(
      /subgraph f0\["all"\]\n {4}n\d\["all · Parallel"\]\n {4}n\d\["left · Log"\]\n {4}n\d\["right · Log"\]\n {2}end/,
    );
    expect(drawn.text).toMatch(/n\d -->\|"then"\| n\d/);
    const ofSource = await runTool(at, 'flow_graph', { source: branches });
    expect(ofSource.structured).toMatchObject({ namespace: 'state', flow_id: 'drawn', tasks: 5 });
    await refused(at, 'flow_graph', { namespace: 'state' }, /Give namespace and flow_id, or a source/);
  });
});

onEveryKestra('what depends on what', (at) => {
  test('is a list and a drawing', async () => {
    const caller =
      'id: caller\nnamespace: deps\ntasks:\n  - id: call\n    type: io.kestra.plugin.core.flow.Subflow\n    namespace: deps\n    flowId: called\n';
    await saveFlows(at.kestra, hello('deps', 'called'), caller);
    const { text, structured } = await runTool(at, 'flow_dependencies', { namespace: 'deps', flow_id: 'caller' });
    // 1.x works it out later: the pretence knows none.
    if (at.version === '1.3.25')
      return expect(structured).toMatchObject({ dependencies: [], note: expect.stringContaining('No flow calls this one') });
    expect(structured).toMatchObject({ flows: 2, dependencies: [{ from: 'deps.caller', to: 'deps.called', by: 'subflow' }] });
    expect(text).toMatch(/n\d -->\|"subflow"\| n\d/);
    const all = await runTool(at, 'namespace_dependencies', { namespace: 'deps' });
    expect(all.structured).toMatchObject({ flows: 2, dependencies: [{ from: 'deps.caller', to: 'deps.called' }] });
  });
});

onEveryKestra('how flows are doing', (at) => {
  test('shows the latest execution of each, and what never ran', async () => {
    const failing = 'id: failing\nnamespace: health\ntasks:\n  - id: fail\n    type: io.kestra.plugin.core.execution.Fail\n';
    await saveFlows(at.kestra, hello('health', 'fine'), hello('health', 'idle'), failing);
    for (const id of ['fine', 'fine', 'failing']) await ended(at.kestra, await execute(at.kestra, 'health', id));
    expect(await facts(at, 'latest_executions', { namespace: 'health' })).toMatchObject({
      total: 3,
      flows: [
        { flow_id: 'failing', state: 'FAILED', execution_id: expect.any(String) },
        { flow_id: 'fine', state: 'SUCCESS' },
        { flow_id: 'idle', state: 'never ran' },
      ],
    });
    expect(await facts(at, 'execution_statistics', { namespace: 'health', by_day: true })).toMatchObject({
      total: 3,
      by_state: { SUCCESS: 2, FAILED: 1 },
      success_percent: 66.7,
      by_day: expect.arrayContaining([expect.objectContaining({ SUCCESS: 2, FAILED: 1 })]),
    });
    expect(at.server.stderr).not.toContain('MaxListeners');
    expect(await facts(at, 'execution_statistics', { namespace: 'health', start_before: '2020-01-01T00:00:00Z' })).toMatchObject({
      total: 0,
      note: 'Nothing was started there in that time.',
    });
  });

  test('without a namespace that exists says so', async () => {
    expect(await facts(at, 'latest_executions', { namespace: 'nowhere' })).toMatchObject({
      total: 0,
      note: expect.stringContaining('no flow in nowhere'),
    });
  });
});

describe('a drawing', () => {
  test('is not broken by names', async () => {
    const { flowchart, gantt } = await import('../../src/tools/mermaid.ts');
    const text = flowchart(
      'TD',
      [
        { id: 'a"]; x', text: 'say "hi"; #1 `x`' },
        { id: 'b', text: 'end' },
      ],
      [
        { from: 'a"]; x', to: 'b' },
        { from: 'a"]; x', to: 'unknown' },
      ],
    );
    expect(text).toBe('flowchart TD\n  n0["say #quot;hi#quot;; #35;1 #96;x#96;"]\n  n1["end"]\n  n0 --> n1');
    expect(gantt('a: b', [{ text: 'x:y;z', section: '', from: 5, to: 5 }], 9)).toBe(
      'gantt\n  title a b\n  dateFormat x\n  axisFormat %H:%M:%S\n  section unnamed\n  x y z :done, b0, 5, 6',
    );
  });
});
