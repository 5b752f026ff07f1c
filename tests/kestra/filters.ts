import { duration } from './clock.ts';
import type { Line } from './dialect.ts';
import { constantOf, fieldNames, type Operator, operators, operatorsOf, type Resource, resourceOf } from './fields.ts';
import { illegalArgument, Refusal } from './refusal.ts';
import type { Call } from './route.ts';

/** One condition: `filters[field][OP]=value` or, for labels, `filters[labels][OP][key]=value`. */
export interface Filter {
  field: string;
  operator: Operator;
  key?: string;
  value: string;
}

/** Conditions joined by AND, or groups of which one has to hold. */
export interface Filters {
  all: Filter[];
  any: Filter[][];
}

const form = /^filters\[([^\]]+)\]\[([^\]]+)\](?:\[([^\]]+)\])?$/;
const group = /^filters\[or\]\[(\d+)\]\[([^\]]+)\]\[([^\]]+)\](?:\[([^\]]+)\])?$/;

/** Reads the filters of a request; what is malformed is ignored, what is unknown refused. */
export function readFilters(call: Call, resource: Resource): Filters {
  const filters: Filters = { all: [], any: [] };
  for (const [name, value] of call.query) {
    const grouped = call.line === '2.0' ? group.exec(name) : null;
    if (grouped) {
      const index = Number(grouped[1]);
      const list = filters.any[index] ?? [];
      list.push(readFilter(call.line, resource, grouped[2] ?? '', grouped[3] ?? '', grouped[4], value));
      filters.any[index] = list;
      continue;
    }
    const match = form.exec(name) ?? (call.line === '1.3' && name.startsWith('filters[or]') ? ['', 'or', 'EQUALS', undefined] : null);
    if (match) filters.all.push(readFilter(call.line, resource, match[1] ?? '', match[2] ?? '', match[3] ?? undefined, value));
  }
  filters.any = filters.any.filter((list) => list !== undefined);
  return resource === 'executions' || resource === 'logs' ? withDates(filters) : filters;
}

/** Executions and logs without a start date are those of the last eight days, so that nobody floods the database. */
const usualDays = 8;

function withDates(filters: Filters): Filters {
  const find = (field: string): Filter | undefined => filters.all.find((one) => one.field === field);
  const range = find('timeRange');
  if (range && (find('startDate') || find('endDate'))) {
    throw illegalArgument("Parameters 'startDate'/'endDate' and 'timeRange' are mutually exclusive");
  }
  const back = range ? duration(range.value) : usualDays * 86_400_000;
  if (back === undefined) throw illegalArgument(`Invalid duration: ${range?.value}`);
  const start: Filter = find('startDate') ?? {
    field: 'startDate',
    operator: 'GREATER_THAN_OR_EQUAL_TO',
    value: new Date(Date.now() - back).toISOString(),
  };
  const end = find('endDate');
  // Of two conditions on the start date real servers find nothing.
  const twice = filters.all.filter((one) => one.field === 'startDate').length > 1;
  for (const one of [start, end]) {
    if (one && !/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/.test(one.value)) {
      throw new Refusal(500, `Internal server error: Text '${one.value}' could not be parsed at index 0`);
    }
  }
  if (end && start.operator.startsWith('GREATER') && Date.parse(start.value) > Date.parse(end.value)) {
    throw illegalArgument('Start date must be before End Date');
  }
  const never: Filter[] = twice ? [{ field: 'startDate', operator: 'LESS_THAN', value: '0001-01-01T00:00:00Z' }] : [];
  return { ...filters, all: [...filters.all.filter((one) => one !== range && one.field !== 'startDate'), start, ...never] };
}

function readFilter(line: Line, resource: Resource, field: string, operator: string, key: string | undefined, value: string): Filter {
  if (!fieldNames[line].includes(field)) {
    throw illegalArgument(`Unsupported field '${field}'. Expected one of: [${fieldNames[line].join(', ')}]`);
  }
  const known = operators.find((name) => name === operator);
  if (!known) throw illegalArgument(`No enum constant io.kestra.core.models.QueryFilter.Op.${operator}`);
  const allowed = operatorsOf(line, field);
  const about = resourceOf(line, resource);
  const constant = constantOf(line, field);
  const wrong: string[] = [];
  // Date fields and ranges are rewritten to a start date before Kestra looks at the field and its operator.
  const rewritten = about && ['startDate', 'endDate', 'timeRange'].includes(field);
  if (about && !rewritten && !allowed.includes(known)) {
    wrong.push(`Operation ${operator} is not supported for field ${constant}. Supported operations are ${allowed.join(', ')}`);
  }
  if (about && !rewritten && !about.fields.includes(constant)) {
    wrong.push(`Field ${constant} is not supported for resource ${about.name}. Supported fields are ${about.fields.join(', ')}`);
  }
  if (wrong.length) throw new Refusal(400, `Invalid query filters: Provided query filters are invalid: ${wrong.join(', ')}`);
  return { field, operator: known, ...(key === undefined ? {} : { key }), value };
}

/** What a row has in a field: nothing, one value, or several. */
export type Values = string | readonly string[] | undefined;

/** Keeps the rows for which the filters hold. `read` gives a row's values in a field, or decides itself; a field that doesn't count is true. */
export function matching<T>(rows: T[], filters: Filters, read: (row: T, filter: Filter) => Values | boolean): T[] {
  const test = (row: T, filter: Filter): boolean => {
    const values = read(row, filter);
    return typeof values === 'boolean' ? values : holds(filter, values);
  };
  return rows.filter(
    (row) =>
      filters.all.every((filter) => test(row, filter)) &&
      (filters.any.length === 0 || filters.any.some((list) => list.every((filter) => test(row, filter)))),
  );
}

/** Whether a filter holds for these values. */
export function holds({ operator, value }: Filter, values: Values): boolean {
  const list = values === undefined ? [] : typeof values === 'string' ? [values] : values;
  const some = (test: (one: string) => boolean): boolean => list.some(test);
  switch (operator) {
    case 'EQUALS':
      return some((one) => one === value);
    case 'NOT_EQUALS':
      return !some((one) => one === value);
    case 'IN':
      return some((one) => value.split(',').includes(one));
    case 'NOT_IN':
      return !some((one) => value.split(',').includes(one));
    case 'PREFIX':
      return some((one) => one === value || one.startsWith(`${value}.`));
    case 'STARTS_WITH':
      return some((one) => one.startsWith(value));
    case 'ENDS_WITH':
      return some((one) => one.endsWith(value));
    case 'CONTAINS':
      return some((one) => one.toLowerCase().includes(value.toLowerCase()));
    case 'REGEX':
      return some((one) => new RegExp(value).test(one));
    case 'GREATER_THAN':
      return some((one) => order(one, value) > 0);
    case 'GREATER_THAN_OR_EQUAL_TO':
      return some((one) => order(one, value) >= 0);
    case 'LESS_THAN':
      return some((one) => order(one, value) < 0);
    case 'LESS_THAN_OR_EQUAL_TO':
      return some((one) => order(one, value) <= 0);
  }
}

function order(a: string, b: string): number {
  const [left, right] = [Date.parse(a), Date.parse(b)];
  return Number.isNaN(left) || Number.isNaN(right) ? (a < b ? -1 : a > b ? 1 : 0) : left - right;
}
