import type { Answer } from './assistant.ts';
import { mended, mistaken, without } from './flow.ts';

/** One thing that the assistant does. */
export interface Step {
  readonly title: string;
  /** What led to it. */
  readonly says: string;
  readonly tool: string;
  readonly args?: Readonly<Record<string, unknown>>;
  /** The arguments as they are shown, where they are long. */
  readonly shown?: string;
  /** Facts that the answer must have, and words that must be in its text; else the story does not go as told. */
  readonly told: {
    readonly facts?: Readonly<Record<string, unknown>>;
    readonly words?: readonly (string | RegExp)[];
    readonly fails?: true;
  };
}

export type Take = (step: Step) => Promise<Answer>;

/** The story: somebody finds their way, changes a flow, runs it, and asks why another one fails. */
export const story = async (take: Take): Promise<void> => {
  await take({
    title: 'Who am I?',
    says: 'A new conversation. The assistant looks who it is working for and what it may do.',
    tool: 'auth_status',
    told: { facts: { kestra_credential: 'accepted by Kestra' }, words: ['"edition":"OSS"'] },
  });
  await take({
    title: 'What is there?',
    says: '"What do we run in Kestra?" First the namespaces ...',
    tool: 'search_namespaces',
    told: { words: ['acme.data', 'acme.ops'] },
  });
  await take({
    title: 'The flows of acme',
    says: '... then the flows of one, and of those below it.',
    tool: 'list_flows',
    args: { namespace: 'acme', children: true },
    told: { facts: { total: 8, more: false }, words: ['daily_sales_report'] },
  });
  const { facts } = await take({
    title: 'Read before you write',
    says: '"When the sales report is done, say so in the log." The assistant reads the flow and keeps its revision in mind.',
    tool: 'get_flow',
    args: { namespace: 'acme.data', flow_id: 'daily_sales_report' },
    told: { facts: { revision: 1 }, words: ['io.kestra.plugin.core.debug.Return'] },
  });
  const source = String(facts.source);
  await take({
    title: 'A mistake',
    says: 'It adds a task and misspells its type. Nothing is saved; the model reads what Kestra itself says.',
    tool: 'create_or_update_flow',
    args: { source: mistaken(source), expected_revision: 1 },
    shown: without(mistaken(source)),
    told: { fails: true, facts: { error: 'kestra_refused' }, words: ['Invalid type: io.kestra.plugin.core.log.Logg'] },
  });
  await take({
    title: 'Mended, and looked at first',
    says: 'Mended. With dry_run nothing is saved yet: the assistant shows the difference and asks whether it should.',
    tool: 'create_or_update_flow',
    args: { source: mended(source), dry_run: true },
    shown: `{"source":"(as above, with log.Log)","dry_run":true}`,
    told: { facts: { valid: true, would: 'update', saved: false }, words: ['+  - id: announce'] },
  });
  await take({
    title: 'Saved',
    says: '"Yes." It is saved, unless somebody else has changed the flow meanwhile.',
    tool: 'create_or_update_flow',
    args: { source: mended(source), expected_revision: 1 },
    shown: `{"source":"(as above)","expected_revision":1}`,
    told: { facts: { done: 'updated', revision_before: 1, revision_after: 2 } },
  });
  await take({
    title: 'Run, and awaited',
    says: '"Run it for France." One execution is started and followed; the client shows its progress.',
    tool: 'execute_flow',
    args: { namespace: 'acme.data', flow_id: 'daily_sales_report', inputs: { country: 'FR', limit: 250 } },
    told: { facts: { state: 'SUCCESS', revision: 2 }, words: ['"summary":"250 rows of FR"', '"task_id":"announce"'] },
  });
  await take({
    title: 'One that fails',
    says: '"And clean up the temporary files." The run fails, and the answer says why: no digging through logs.',
    tool: 'execute_flow',
    args: { namespace: 'acme.ops', flow_id: 'cleanup_tmp' },
    told: { facts: { state: 'FAILED' }, words: [/ERROR delete No space left on device/, 'failed_task_source'] },
  });
  const backup = await take({
    title: 'A long one, not awaited',
    says: '"Then start the backup, but don\'t wait for it."',
    tool: 'execute_flow',
    args: { namespace: 'acme.ops', flow_id: 'long_backup', wait: false },
    told: { facts: { flow_id: 'long_backup' }, words: [/"state":"(CREATED|RUNNING)"/] },
  });
  await take({
    title: 'Stopped',
    says: '"No, stop it, the disk is full!"',
    tool: 'kill_execution',
    args: { execution_id: backup.facts.execution_id },
    told: { facts: { state: 'KILLED', done: 'killed' } },
  });
};

/** What an answer lacks of what the story tells of it. */
export const missing = ({ told }: Step, { text, facts, isError }: Answer): string[] => [
  ...(isError === (told.fails ?? false) ? [] : [isError ? 'it failed' : 'it did not fail']),
  ...Object.entries(told.facts ?? {}).flatMap(([name, value]) =>
    facts[name] === value ? [] : [`${name} is not ${JSON.stringify(value)}`],
  ),
  ...(told.words ?? []).flatMap((words) =>
    (typeof words === 'string' ? text.includes(words) : words.test(text)) ? [] : [`it does not say ${words}`],
  ),
];
