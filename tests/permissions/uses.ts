import type { Company } from './company.ts';

export type Arguments = Record<string, unknown>;

/** How a tool is used on something in a namespace, and which request finds out where that is if the arguments do not say. */
export interface Use {
  readonly on: (company: Company, namespace: string) => Arguments | Promise<Arguments>;
  readonly looksUp?: RegExp;
}

export const anExecution = /^GET main\/executions\/\w+$/;
export const anApp = /^GET main\/apps\/\w+$/;

/** A use of what a namespace always has. */
export const inNamespace = (args: Arguments = {}): Use => ({ on: (_, namespace) => ({ namespace, ...args }) });
