import type { TriggerState } from '../kestra/state.ts';
import { app } from './company.ts';
import { anApp, inNamespace, type Use } from './uses.ts';

const onTrigger = (state: Partial<TriggerState> = {}, args = {}): Use => ({
  on: (company, namespace) => ({ ...company.trigger(namespace, state), ...args }),
});

const backfill = { start: '2026-03-01T00:00:00Z', end: '2026-03-20T00:00:00Z', currentDate: '2026-03-02T03:00:00Z' };
const under = (paused: boolean): Use => onTrigger({ backfill: { ...backfill, paused } });

const onApp = (disabled = false): Use => ({ on: (company, namespace) => ({ uid: company.app(namespace, disabled) }), looksUp: anApp });

export const usesOfTheRest: Readonly<Record<string, Use>> = {
  search_triggers: inNamespace({ children: true }),
  disable_trigger: onTrigger(),
  enable_trigger: onTrigger({ disabled: true }),
  unlock_trigger: onTrigger({ locked: true, executionId: 'some' }),
  restart_trigger: onTrigger(),
  delete_trigger: onTrigger({}, { confirm: 'nightly' }),
  create_backfill: onTrigger({}, { start: '2026-03-01T00:00:00Z', end: '2026-03-01T12:00:00Z', confirm: 'nightly' }),
  pause_backfill: under(false),
  resume_backfill: under(true),
  delete_backfill: under(false),
  disable_triggers: {
    on: (company, namespace) => {
      const { flow_id } = company.trigger(namespace);
      return { namespace, flow_id };
    },
  },
  enable_triggers: {
    on: (company, namespace) => {
      const { flow_id } = company.trigger(namespace, { disabled: true });
      return { namespace, flow_id };
    },
  },

  list_keys: inNamespace({ children: true }),
  get_key: { on: (company, namespace) => ({ namespace, key: company.key(namespace) }) },
  set_key: inNamespace({ key: 'set', value: 'blue', overwrite: true }),
  delete_key: { on: (company, namespace) => ({ namespace, key: company.key(namespace), confirm: 'color' }) },
  list_namespace_files: inNamespace({ everything: true }),
  read_namespace_file: { on: (company, namespace) => ({ namespace, path: company.file(namespace) }) },
  write_namespace_file: inNamespace({ path: '/written.txt', content: 'text', overwrite: true }),
  move_namespace_file: {
    on: (company, namespace) => ({ namespace, from: company.file(namespace), to: `/moved${company.next()}.txt` }),
  },
  delete_namespace_file: { on: (company, namespace) => ({ namespace, path: company.file(namespace), confirm: '/a.txt' }) },
  list_secrets: inNamespace(),

  get_app: onApp(),
  create_app: { on: (_, namespace) => ({ app_data: app(namespace, 'made') }) },
  // Its source says where it goes, so that is looked at before where it is.
  update_app: {
    on: (company, namespace) => ({ uid: company.app(namespace), app_data: app(namespace, 'front', `New ${company.next()}`) }),
  },
  enable_app: onApp(true),
  disable_app: onApp(),
  execute_app: onApp(),
  delete_app: { on: (company, namespace) => ({ uid: company.app(namespace), confirm: company.app(namespace) }), looksUp: anApp },
};
