import { expect } from 'vitest';
import type { Setting } from '../tools/setting.ts';

/** Four characters make a token, near enough. */
const charactersPerToken = 4;

/** What an answer says, and what it may be asked for. */
export interface Heard {
  readonly text: string;
  readonly facts: Record<string, unknown>;
  readonly failed: boolean;
  /** The facts that the assistant needs for its own answer: a text, or a pattern. */
  says(...needed: (string | RegExp)[]): Heard;
}

/** An assistant at work: it calls tools, and what it spends is counted. */
export class Assistant {
  calls = 0;
  tokens = 0;
  readonly #at: Setting;
  readonly #listed: ReadonlySet<string>;

  constructor(at: Setting, listed: ReadonlySet<string>) {
    this.#at = at;
    this.#listed = listed;
  }

  /** Calls a tool, by run_tool if it is not listed. */
  async call(name: string, args: Record<string, unknown> = {}): Promise<Heard> {
    const direct = this.#listed.has(name);
    const sent = direct ? args : { name, arguments: args };
    const { text, structured, isError } = await this.#at.server.call(direct ? name : 'run_tool', sent);
    this.calls += 1;
    this.tokens += Math.ceil((text.length + JSON.stringify(sent).length) / charactersPerToken);
    const heard: Heard = {
      text,
      facts: structured,
      failed: isError,
      says: (...needed) => {
        for (const one of needed) typeof one === 'string' ? expect(text).toContain(one) : expect(text).toMatch(one);
        return heard;
      },
    };
    return heard;
  }

  /** Finds a tool that is not listed by what the user wants: among the first five, with its arguments. */
  async find(query: string, tool: string): Promise<void> {
    const { facts } = await this.call('search_tools', { query });
    expect((facts.tools as { name: string }[]).map(({ name }) => name)).toContain(tool);
  }
}

/** A task as a user puts it, how an assistant may do it, and what that may cost at most. */
export interface Story {
  readonly task: string;
  /** What is so beforehand. */
  readonly given?: (at: Setting) => Promise<void> | void;
  readonly play: (assistant: Assistant, at: Setting) => Promise<void>;
  readonly calls: number;
  readonly tokens: number;
}
