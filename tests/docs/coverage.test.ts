import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { tools } from '../../src/tools/catalog.ts';

const page = readFileSync(new URL('../../docs/coverage.md', import.meta.url), 'utf8');
const [, official = '', kestractl = '', points = ''] = page.split(/^## /m);
const rows = (part: string): string[][] =>
  part
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
const names = new Set(tools.map(({ name }) => name));
const named = (text: string): string[] => [...text.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);

/** The 39 tools of kestra-io/mcp-server-python. */
const theirs =
  'backfill_executions execute_flow manage_executions add_execution_labels list_executions namespace_file_action namespace_directory_action search_flows find_flow list_flows_with_triggers create_flow_from_yaml manage_flow generate_flow generate_dashboard manage_kv_store get_execution_logs download_execution_logs search_logs delete_execution_logs delete_flow_logs follow_execution_logs list_namespaces list_flows_in_namespace list_namespace_dependencies replay_execution restart_execution change_taskrun_state resume_execution force_run_execution invite_user manage_invitations manage_group manage_tests manage_apps search_apps manage_announcements get_instance_info generate_app generate_test'.split(
    ' ',
  );

describe('docs/coverage.md', () => {
  test('has a row for every tool of the official server', () => {
    expect(rows(official).map(([name = '']) => name.replaceAll('`', ''))).toEqual(theirs);
  });

  test('names only tools that there are', () => {
    const here = [...rows(official), ...rows(kestractl)].flatMap(([, cell = '']) => named(cell));
    expect(here.filter((name) => !names.has(name))).toEqual([]);
    const inPoints = rows(points).flatMap(([, cell = '']) => named(cell));
    expect(inPoints.filter((name) => name !== 'confirm' && !names.has(name))).toEqual([]);
  });

  test('leaves no row empty without a reason', () => {
    const empty = [...rows(official), ...rows(kestractl)].filter(([, here = '', why = '']) => (here === '' || here === '-') && why === '');
    expect(empty).toEqual([]);
    expect(rows(points)).toHaveLength(13);
  });

  test('every tool of the catalogue answers somebody, but for a few of its own', () => {
    const all = new Set(named(page));
    const ours = tools.map(({ name }) => name).filter((name) => !all.has(name));
    expect(ours).toEqual(['register_kestra_token', 'execution_metrics']);
  });
});
