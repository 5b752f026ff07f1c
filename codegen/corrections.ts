import { isAnything } from './merge.ts';
import { type Operation, refTo, type Schema } from './openapi.ts';
import type { Correction } from './patch.ts';
import { become, dropField, dropRequired, everySchema, operationsOf, parametersNamed } from './schemas.ts';
import type { Document } from './unite.ts';

const text: Schema = { type: 'string' };
const map: Schema = { type: 'object', additionalProperties: true };

/** The mistakes of Kestra's documents, found by comparing them with each other and with what servers answer. */
export const corrections: readonly Correction[] = [
  {
    name: 'filters are filters[field][OP]=value',
    lines: ['1.3', '2.0'],
    why: 'they are declared as an array of objects, and required in one edition but not in the other; servers need none',
    apply: (document) => {
      const operators = document.schemas['QueryFilter.Op']?.enum;
      const fields = document.schemas['QueryFilter.Field']?.enum;
      const uses = parametersNamed(document, 'filters');
      if (!operators || !fields || uses.length === 0) return 0;
      const value: Schema = { oneOf: [text, { type: 'array', items: text }, { type: 'boolean' }, { type: 'number' }] };
      const labels: Schema = { oneOf: [text, { type: 'object', additionalProperties: text }] };
      const names = [...new Set(fields.map((field) => wireName(String(field))))].sort();
      document.schemas.FilterOps = fieldsOfKind(operators, () => value);
      document.schemas.LabelOps = fieldsOfKind(operators, () => labels);
      document.schemas.Filters = fieldsOfKind(names, (field) => refTo(mapLike.has(field) ? 'LabelOps' : 'FilterOps'));
      for (const parameter of uses) {
        parameter.schema = refTo('Filters');
        delete parameter.required;
      }
      return uses.length;
    },
  },
  {
    name: 'a parameter with a default may be left out',
    lines: ['1.3'],
    why: 'documents of 1.x call such parameters required',
    apply: (document) => {
      const wrong = operationsOf(document).flatMap(({ parameters }) =>
        parameters.filter((parameter) => parameter.in === 'query' && parameter.required && parameter.schema.default !== undefined),
      );
      for (const parameter of wrong) delete parameter.required;
      return wrong.length;
    },
  },
  {
    name: 'multipart bodies are one part per input',
    lines: ['1.3', '2.0'],
    why: 'they are declared as a list of texts or files, without names',
    apply: (document) => {
      const bodies = operationsOf(document).flatMap(({ requestBody }) => requestBody?.content['multipart/form-data'] ?? []);
      for (const body of bodies) body.schema = structuredClone(map);
      return bodies.length;
    },
  },
  {
    name: 'validateFlows takes YAML',
    lines: ['1.3', '2.0'],
    why: 'its multipart form is for files',
    apply: ({ operations }) => dropMediaType(operations.validateFlows, 'multipart/form-data'),
  },
  {
    name: 'a flow is written as YAML',
    lines: ['1.0'],
    why: '2.0 refuses anything else with 415; older documents also name JSON or any type',
    apply: ({ operations: { createFlow, updateFlow } }) =>
      [createFlow, updateFlow].reduce(
        (sum, operation) => sum + dropMediaType(operation, '*/*') + dropMediaType(operation, 'application/json'),
        0,
      ),
  },
  {
    name: 'kill, pause and resume answer nothing on 1.x',
    lines: ['1.0', '1.3'],
    why: 'the EE documents of 1.x add a placeholder of status 200 to the empty 202 or 204 that servers send',
    apply: ({ line, operations }) => {
      if (!line.startsWith('1.')) return 0;
      const replies = ['killExecution', 'pauseExecution', 'resumeExecution', 'resumeExecutionFromBreakpoint'].map(
        (id) => operations[id]?.responses ?? {},
      );
      const placeholders = replies.filter((responses) => responses['200']?.content && Object.keys(responses).length > 1);
      for (const responses of placeholders) delete responses['200'];
      return placeholders.length;
    },
  },
  {
    name: 'a file of an execution is downloaded as it is',
    lines: ['2.0'],
    why: 'as ndjson it comes only if asked for with format=ndjson',
    apply: ({ operations }) => dropReplyType(operations.downloadFileFromExecution, 'application/x-ndjson'),
  },
  {
    name: 'a deletion answers nothing',
    lines: ['1.3', '2.0'],
    why: 'some are declared with a body of any kind; servers send 204 without one',
    apply: (document) => {
      const replies = operationsOf(document)
        .filter(({ method }) => method === 'delete')
        .flatMap(({ responses }) => Object.values(responses))
        .filter(({ content }) => Object.values(content ?? {}).some(({ schema }) => schema === undefined || isAnything(schema)));
      for (const reply of replies) delete reply.content;
      return replies.length;
    },
  },
  {
    name: 'a key is set with its time to live and description in headers',
    lines: ['1.3', '2.0'],
    why: 'no document names them; both lines read them',
    apply: ({ operations: { setKeyValue } }) => {
      if (!setKeyValue || setKeyValue.parameters.some((parameter) => parameter.in === 'header')) return 0;
      setKeyValue.parameters.push({ in: 'header', name: 'description', schema: text }, { in: 'header', name: 'ttl', schema: text });
      return 1;
    },
  },
  {
    name: 'event streams and files are streams',
    lines: ['1.3', '2.0'],
    why: 'they are declared as the content of one event or as a text',
    apply: (document) => {
      const bodies = operationsOf(document)
        .flatMap(({ responses }) => Object.values(responses))
        .flatMap(({ content = {} }) => [content['text/event-stream'] ?? [], content['application/octet-stream'] ?? []].flat());
      for (const body of bodies) body.schema = { type: 'string', format: 'binary' };
      return bodies.length;
    },
  },
  {
    name: 'a list is only a list',
    lines: ['1.3', '2.0'],
    why: 'the tasks of a flow are declared as an array with additionalProperties',
    apply: onEverySchema(
      ({ type, additionalProperties }) => type === 'array' && additionalProperties !== undefined,
      (schema) => delete schema.additionalProperties,
    ),
  },
  {
    name: 'inputs, outputs, variables and the like are maps',
    lines: ['1.3', '2.0'],
    why: 'they are declared as objects without fields, or closed to any field',
    apply: onEverySchema(
      (schema, field) => isAnything(schema) && (schema.additionalProperties === false || maps.has(field ?? '')),
      (schema) => become(schema, map),
    ),
  },
  {
    name: 'a templated property is its text or its value',
    lines: ['1.3', '2.0'],
    why: 'Property_* is declared as the Java object that holds both; flows carry the one or the other',
    apply: ({ schemas }) => {
      const properties = Object.entries(schemas).filter(
        ([name, { properties: fields }]) => name.startsWith('Property_') && fields?.expression,
      );
      for (const [, schema] of properties) become(schema, { anyOf: [text, schema.properties?.value ?? {}] });
      return properties.length;
    },
  },
  {
    name: 'an object without fields is anything',
    lines: ['1.3', '2.0'],
    why: 'Java objects of no known class are declared so, texts and numbers among them',
    apply: onEverySchema(
      (schema) => schema.type === 'object' && isAnything(schema),
      (schema) => become(schema, {}),
    ),
  },
  {
    name: 'tasks, triggers and inputs have fields of their own type',
    lines: ['1.3', '2.0'],
    why: 'only those that every type has are declared; servers send all',
    apply: ({ schemas }) => {
      const open = ['AbstractRetry', 'AbstractTrigger', 'Condition', 'Input_Object_', 'Task'].flatMap((name) => schemas[name] ?? []);
      for (const schema of open) schema.additionalProperties = true;
      return open.length;
    },
  },
  {
    name: 'the validation of inputs is one verdict',
    lines: ['1.3', '2.0'],
    why: 'it is declared as a list; servers answer one object',
    apply: ({ operations }) => {
      const { responses = {} } = operations.validateNewExecutionInputs ?? {};
      const replies = Object.values(responses).flatMap(({ content }) => content?.['application/json'] ?? []);
      const lists = replies.filter(({ schema }) => schema?.type === 'array');
      for (const reply of lists) reply.schema = reply.schema?.items ?? {};
      return lists.length;
    },
  },
  {
    name: 'the nodes of a graph have fields of their own kind',
    lines: ['1.3', '2.0'],
    why: 'only what every node has is declared; those of tasks and triggers carry them',
    apply: ({ schemas }) => {
      if (!schemas.AbstractGraph) return 0;
      schemas.AbstractGraph.additionalProperties = true;
      return 1;
    },
  },
  {
    name: 'the labels of a flow are a list of labels',
    lines: ['1.3', '2.0'],
    why: 'OSS documents declare the map that YAML also allows; servers send {key, value}',
    apply: ({ schemas }) => {
      let count = 0;
      for (const name of ['AbstractFlow', 'Flow', 'FlowWithSource']) {
        for (const part of [schemas[name], ...(schemas[name]?.allOf ?? [])]) {
          if (!part?.properties?.labels || part.properties.labels.type === 'array') continue;
          part.properties.labels = { type: 'array', items: refTo('Label') };
          count++;
        }
      }
      return count;
    },
  },
  {
    name: 'a state has no getters',
    lines: ['1.3', '2.0'],
    why: 'getDuration, getEndDate and getStartDate are required, and no server sends them',
    apply: ({ schemas }) => ['getDuration', 'getEndDate', 'getStartDate'].filter((name) => dropField(schemas.State, name)).length,
  },
  {
    name: 'a trigger needs no condition',
    lines: ['2.0'],
    why: '`when` is required, and absent from triggers that have none',
    apply: ({ schemas }) => Number(dropRequired(schemas.AbstractTrigger, 'when')),
  },
  {
    name: 'a trigger that has not run has no date',
    lines: ['1.3'],
    why: '`date` is required, and absent until the first evaluation',
    apply: ({ schemas }) =>
      ['Trigger', 'TriggerContext'].filter((name) => partsOf(schemas[name]).some((part) => dropRequired(part, 'date'))).length,
  },
  {
    name: 'task runs still have outputs where an execution is the answer to an action',
    lines: ['2.0'],
    why: 'execute, kill and the like answer the old shape, with outputs that are null',
    apply: ({ schemas }) => {
      const fields = schemas.TaskRun?.properties;
      if (!fields || fields.outputs) return 0;
      fields.outputs = { ...map, nullable: true };
      return 1;
    },
  },
];

/** Filter fields that take a key besides the value: filters[labels][EQUALS][key]=value. */
const mapLike = new Set(['details', 'labels', 'metadata']);
const maps = new Set(['inputs', 'outputs', 'values', 'variables']);

const named: Record<string, string> = {
  EXPIRED_AT: 'expired_at',
  EXTERNAL_ID: 'external_id',
  GROUP: 'groupList',
  MIN_LEVEL: 'level',
  QUERY: 'q',
  SUPER_ADMIN: 'super_admin',
  // The 2.0 EE document, which gives wire names, spells these two so.
  ENFORCEMENT: 'ENFORCEMENT',
  POLICY_SCOPE: 'POLICY_SCOPE',
};

/** Documents of 1.x and of OSS name the filter fields by their Java constants; a server takes other names. */
function wireName(field: string): string {
  if (!/^[A-Z][A-Z_]*$/.test(field)) return field;
  return named[field] ?? field.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

function fieldsOfKind(names: readonly unknown[], kind: (name: string) => Schema): Schema {
  return { type: 'object', properties: Object.fromEntries(names.map((name) => [String(name), kind(String(name))])) };
}

function partsOf(schema: Schema | undefined): Schema[] {
  return schema ? [schema, ...(schema.allOf ?? [])] : [];
}

function onEverySchema(wrong: (schema: Schema, field?: string) => boolean, mend: (schema: Schema) => unknown): Correction['apply'] {
  return (document: Document) => {
    let count = 0;
    everySchema(document, (schema, field) => {
      if (!wrong(schema, field)) return;
      mend(schema);
      count++;
    });
    return count;
  };
}

function dropMediaType(operation: Operation | undefined, type: string): number {
  if (!operation?.requestBody?.content[type]) return 0;
  delete operation.requestBody.content[type];
  return 1;
}

function dropReplyType(operation: Operation | undefined, type: string): number {
  const replies = Object.values(operation?.responses ?? {}).filter(({ content }) => content?.[type]);
  for (const { content } of replies) delete content?.[type];
  return replies.length;
}
