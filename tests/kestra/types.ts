import { readFileSync } from 'node:fs';
import type { Line } from './dialect.ts';
import { array, object } from './json.ts';

/** What a server knows about a type: its properties in the order of its messages, and those that must be there. */
export interface TypeInfo {
  known: readonly string[];
  required: readonly (readonly [property: string, message: string])[];
}

interface Catalogue {
  flow: readonly string[];
  tasks: ReadonlyMap<string, TypeInfo>;
  triggers: ReadonlyMap<string, TypeInfo>;
}

const names = (text: string): string[] => text.split(/\s+/).filter(Boolean);

/** A few plugins that a company has installed; a real server without plugins has none of them. */
export const commonPlugins = names(`
  io.kestra.plugin.scripts.python.Script io.kestra.plugin.scripts.python.Commands io.kestra.plugin.scripts.shell.Commands
  io.kestra.plugin.scripts.shell.Script io.kestra.plugin.jdbc.postgresql.Query io.kestra.plugin.jdbc.postgresql.CopyIn
  io.kestra.plugin.jdbc.duckdb.Query io.kestra.plugin.aws.s3.Upload io.kestra.plugin.aws.s3.Download
  io.kestra.plugin.gcp.bigquery.Query io.kestra.plugin.dbt.cli.DbtCLI io.kestra.plugin.git.Clone
  io.kestra.plugin.notifications.slack.SlackIncomingWebhook io.kestra.plugin.notifications.mail.MailSend
`);

/** The input types that a version knows, in the order of its message. */
export const inputTypes: Record<Line, readonly string[]> = {
  '1.3': names(
    'ARRAY BOOL BOOLEAN DATE DATETIME DURATION EMAIL ENUM FILE FLOAT FORM INT JSON MULTISELECT SECRET SELECT STRING TIME URI YAML',
  ),
  '2.0': names('ARRAY BOOL DATE DATETIME DURATION EMAIL FILE FLOAT FORM INT JSON MULTISELECT SECRET SELECT STRING TIME URI YAML'),
};

const read = new Map<Line, Catalogue>();

/** The core types of a version, as a real server told them. */
export function catalogue(line: Line): Catalogue {
  const known = read.get(line);
  if (known) return known;
  const data = object(JSON.parse(readFileSync(new URL(`data/types-${line}.json`, import.meta.url), 'utf8')));
  const types = (key: string): Map<string, TypeInfo> =>
    new Map(
      Object.entries(object(data[key])).map(([type, info]) => [
        type,
        {
          known: array(object(info).known).map(String),
          required: array(object(info).required).map((pair) => [String(array(pair)[0]), String(array(pair)[1])] as const),
        },
      ]),
    );
  const made = { flow: array(data.flow).map(String), tasks: types('tasks'), triggers: types('triggers') };
  read.set(line, made);
  return made;
}
