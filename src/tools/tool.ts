import type { z } from 'zod';
import { type Grant, isNowhere, type Reach, reach } from '../access/grant.ts';
import { type Permission, type Subject, subjectIn } from '../access/permission.ts';
import type { Session } from '../access/session.ts';
import { PublicError } from '../errors.ts';
import { serves } from '../kestra/dialect.ts';
import { routes } from '../kestra/generated/routes.ts';
import type { Instance } from '../kestra/instance.ts';
import type { Call, Exact, Invoke, OperationId, Reply } from '../kestra/operation.ts';
import type { Answer } from './answer.ts';

/**
 * What a call does to the world. `run` starts work that can do anything; `session` concerns only the caller: it needs no scope and is
 * not a write.
 */
export type Effect = 'read' | 'write' | 'run' | 'destroy' | 'session';

/** What a call touches, as far as its arguments tell: a namespace, or an execution or app whose namespace must be looked up. */
export interface Target {
  readonly namespace?: string;
  readonly executionId?: string;
  readonly appUid?: string;
}

/** What a running tool may use. */
export interface Context<Ids extends OperationId = OperationId> {
  readonly invoke: Invoke<Ids>;
  /** What this Kestra is. @throws KestraError if it can't be asked */
  instance(): Promise<Instance>;
  readonly tenant: string;
  readonly session: Session;
  /** Aborted when the caller gives up. */
  readonly signal: AbortSignal;
  /** Aborted when this server has been told to stop: what waits then answers with what it has. */
  readonly stopping?: AbortSignal;
  /** Reports progress, if the client asked for it. */
  readonly progress?: (done: number, total: number | undefined, message: string) => void;
  /** Does the caller hold this permission in the namespace? For optional parts of an answer. */
  may(permission: Permission, namespace: string): boolean;
  /** Authorizes a hop to another execution or namespace. @throws PublicError `forbidden` */
  authorize(permission: Permission, namespace: string): void;
  /** Every tool, for the one that explains them. */
  readonly catalog: readonly Tool[];
}

interface About<In extends z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** All that the call needs. */
  readonly permissions: readonly Permission[];
  /** Those of them that must be held for all namespaces, because Kestra does not limit what the call reaches with them. */
  readonly everywhere?: readonly Permission[];
  readonly effect: Effect;
  /** Of a session tool: it may change what is kept of the caller here, so it is not announced as reading only. */
  readonly keeps?: true;
  /** What else people call this, for search_tools. */
  readonly keywords?: string;
  /**
   * It names no place, and yet is for callers whose grants name namespaces: its list is narrowed to these, or it shows what is the same
   * for everybody.
   */
  readonly anywhere?: true;
  /** For Kestra Enterprise alone, though one of its operations is everybody's. */
  readonly enterprise?: true;
  /** Made when it is first asked for: most of a session's tools are never used, and a schema costs more to make than to read. */
  readonly input: () => In;
  readonly target?: (input: z.output<In>) => Target;
}

/** Arguments that were understood, ready to run. */
export interface Prepared {
  readonly target: Target;
  run(context: Context): Promise<Answer>;
}

/** What the rest of the house sees of a tool: no generics. */
export interface Tool extends Omit<About<z.ZodObject>, 'target' | 'input'> {
  readonly input: z.ZodObject;
  /** The only operations that it can reach. */
  readonly uses: readonly OperationId[];
  /** It concerns no namespace and its list can't be narrowed to any: nothing for a caller whose grants name some. */
  readonly wide: boolean;
  /** @throws PublicError `invalid_input`, naming each argument that can't be used and why */
  prepare(args: unknown): Prepared;
}

/** Where a caller with these grants may use a tool. */
export const reachOf = (
  { permissions, wide, everywhere = [] }: Pick<Tool, 'permissions' | 'wide' | 'everywhere'>,
  grants: readonly Grant[],
): Reach => {
  if (reach(grants, wide ? permissions : everywhere) !== 'everywhere') return [];
  return reach(grants, permissions);
};

/** May a caller with these grants use a tool, somewhere at least? Only then does it exist for them. */
export const isFor = (tool: Pick<Tool, 'permissions' | 'wide' | 'everywhere'>, grants: readonly Grant[]): boolean =>
  !isNowhere(reachOf(tool, grants));

/** Is this a tool for what exists in Kestra Enterprise alone? */
export const isEnterprise = ({ uses, enterprise }: Pick<Tool, 'uses' | 'enterprise'>): boolean =>
  enterprise === true || (uses.length > 0 && uses.every((id) => Object.values(routes[id]).every((route) => route.edition === 'ee')));

/** Does this Kestra have anything that the tool is for? */
export const isServed = ({ uses, enterprise }: Pick<Tool, 'uses' | 'enterprise'>, instance: Pick<Instance, 'line' | 'edition'>): boolean =>
  (!enterprise || instance.edition === 'EE') && (uses.length === 0 || uses.some((id) => serves(instance, id)));

/** What in Kestra a tool is about: flow, execution, … */
export const subjectOf = ({ permissions }: Pick<Tool, 'permissions'>): Subject | 'account' => {
  const [permission] = permissions;
  return permission ? subjectIn(permission) : 'account';
};

/**
 * A tool that is one operation: `call` maps the input to exactly its path, query and body, `show` projects its reply. Curried, so that the
 * operation is fixed before `call` is checked: as one object it costs the compiler millions of instantiations.
 */
export const tool =
  <Id extends OperationId>(operation: Id) =>
  <In extends z.ZodObject, const C extends Call<Id>>(
    about: About<In> & {
      call: (input: z.output<In>) => C & Exact<C, Call<Id>>;
      show: (reply: Reply<Id>, input: z.output<In>, context: Context<Id>) => Answer | Promise<Answer>;
    },
  ): Tool =>
    recipe({
      ...about,
      uses: [operation],
      run: async (input, context) => about.show(await context.invoke(operation, about.call(input)), input, context),
    });

/** A tool that needs several calls: `run` gets an `invoke` that knows only the operations in `uses`. */
export const recipe = <const Uses extends readonly OperationId[], In extends z.ZodObject>(
  about: About<In> & { uses: Uses; run: (input: z.output<In>, context: Context<Uses[number]>) => Promise<Answer> },
): Tool => {
  const { run, target, input, ...rest } = about;
  let schema: In | undefined;
  const made = (): In => {
    schema ??= input();
    return schema;
  };
  return {
    ...rest,
    get input() {
      return made();
    },
    wide: !target && !rest.anywhere && rest.effect !== 'session',
    prepare: (args) => {
      const understood = parse(made(), args);
      return { target: target?.(understood) ?? {}, run: (context) => run(understood, context) };
    },
  };
};

const parse = <In extends z.ZodObject>(schema: In, args: unknown): z.output<In> => {
  const parsed = schema.safeParse(withoutNulls(args ?? {}));
  if (parsed.success) return parsed.data;
  const known = Object.keys(schema.shape);
  throw new PublicError('invalid_input', parsed.error.issues.map((issue) => explain(issue, known)).join('\n'));
};

/** Several clients send null for what they leave out. */
const withoutNulls = (args: unknown): unknown =>
  args !== null && typeof args === 'object' && !Array.isArray(args)
    ? Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null))
    : args;

const explain = (issue: z.core.$ZodIssue, known: readonly string[]): string => {
  if (issue.code === 'unrecognized_keys') {
    const takes = known.length === 0 ? 'takes no arguments' : `takes ${known.join(', ')}`;
    return `There is no argument ${issue.keys.map((key) => JSON.stringify(key.slice(0, 50))).join(', ')}: the tool ${takes}.`;
  }
  const place = issue.path.join('.') || 'The arguments';
  if (issue.code === 'invalid_key') return `${place}: ${issue.issues.map(({ message }) => message).join('; ')}`;
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) return `${place}: is missing (${issue.expected})`;
  return `${place}: ${issue.message}`;
};
