import { wrapped } from './wrap.ts';

const width = 98;

/** Where the story is told: plain text, with colours where they are wanted. */
export interface Terminal {
  /** Begins a part. */
  heading(text: string): void;
  /** The story's own words. */
  say(text: string): void;
  /** What the assistant asks of the server. */
  call(tool: string, args: string): void;
  progress(message: string): void;
  /** What the model reads, without what would fill the screen. */
  answer(text: string, isError: boolean): void;
  /** As it is, to be copied. */
  verbatim(text: string): void;
  alarm(text: string): void;
}

type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

export const createTerminal = (output: Output, env: NodeJS.ProcessEnv): Terminal => {
  const colourful = output.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  const paint = (code: number) => (text: string) => (colourful ? `\x1b[${code}m${text}\x1b[0m` : text);
  const [bold, dim, red, cyan] = [paint(1), paint(2), paint(31), paint(36)];
  const print = (lines: readonly string[], colour = (text: string) => text) => {
    output.write(`${lines.map((line) => (line ? colour(line) : line)).join('\n')}\n`);
  };
  const hanging = (mark: string, text: string): string[] =>
    wrapped(text, width - mark.length).map((line, i) => `${i === 0 ? mark : ' '.repeat(mark.length)}${line}`);
  return {
    heading: (text) => print(['', text, '-'.repeat(text.length)], bold),
    say: (text) => print(wrapped(text, width)),
    call: (tool, args) => print(hanging('  > ', `${tool} ${args}`), cyan),
    progress: (message) => print(hanging('  . ', message), dim),
    answer: (text, isError) =>
      print(
        shortened(text).flatMap((line) => hanging('  | ', line).map(barred)),
        isError ? red : undefined,
      ),
    verbatim: (text) => print([text]),
    alarm: (text) => print(['', ...wrapped(text, width)], (line) => bold(red(line))),
  };
};

const barred = (line: string): string => `  | ${line.slice(4)}`;

const mostCharacters = 900;
const mostLines = 16;

/** The first line is the facts, what follows are blocks of what others wrote. */
const shortened = (text: string): string[] => {
  const [facts = '', ...blocks] = text.split('\n');
  const left = facts.length - mostCharacters;
  const more = blocks.length - mostLines;
  return [
    left > 40 ? `${facts.slice(0, mostCharacters)} [... ${left} more characters]` : facts,
    ...(more > 3 ? [...blocks.slice(0, mostLines), `[... ${more} more lines]`] : blocks),
  ];
};
