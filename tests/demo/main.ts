/**
 * `npm run demo`: a pretend Kestra, the built server and a real MCP client play a story; then four people sign in to the same server over
 * HTTP; then all of it stays up for clients of yours.
 * `-- --once` ends after the story: 0 if all went as told, else 1. `-- --program FILE` takes another build.
 */
import { resolve as resolvePath } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../harness/free-port.ts';
import { seed } from '../kestra/seed.ts';
import { startKestra } from '../kestra/server.ts';
import { defaultUsers } from '../kestra/users.ts';
import { type Assistant, overStdio } from './assistant.ts';
import { configuration, teamConfiguration } from './configuration.ts';
import { builtProgram } from './program.ts';
import { missing, story } from './story.ts';
import { people } from './team/people.ts';
import { startTeam, type Team } from './team/program.ts';
import { playTeamStory } from './team/story.ts';
import { createTerminal } from './terminal.ts';

const { once, program: given } = parseArgs({ options: { once: { type: 'boolean' }, program: { type: 'string' } } }).values;
const terminal = createTerminal(process.stdout, process.env);

/** Quick, but slow enough for progress to be seen. */
const paceMs = 50;

const play = async (assistant: Assistant): Promise<void> => {
  let count = 0;
  await story(async (step) => {
    const { title, says, tool, args = {}, shown = JSON.stringify(args) } = step;
    terminal.heading(`${++count}. ${title}`);
    terminal.say(says);
    terminal.call(tool, shown);
    const answer = await assistant.call(tool, args, terminal.progress);
    terminal.answer(answer.text, answer.isError);
    const lacking = missing(step, answer);
    if (lacking.length > 0) throw new Error(`${tool}: ${lacking.join('; ')}`);
    return answer;
  });
};

const program = given ? resolvePath(given) : await builtProgram();
const kestra = await startKestra({ version: '2.0.0-SNAPSHOT', pace: paceMs });
seed(kestra);
const [user] = defaultUsers;
const env = { KESTRA_API_URL: kestra.url, KESTRA_USERNAME: user?.username ?? '', KESTRA_PASSWORD: user?.password ?? '' };
const settings = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('KESTRA_MCP_'))) as Record<
  string,
  string
>;

let assistant: Assistant | undefined;
let team: Team | undefined;
try {
  terminal.say(`A pretend Kestra ${kestra.version} is up at ${kestra.url}.`);
  terminal.say('An assistant works with it through kestra-mcp: > is its call of a tool, | what the model reads.');
  assistant = await overStdio(program, { ...settings, ...env });
  await play(assistant);
  await assistant.close();
  if (kestra.offences.length + kestra.openFollows > 0) throw new Error(`the server misused Kestra: ${JSON.stringify(kestra.offences)}`);
  terminal.heading('A team');
  terminal.say('The same program as a remote server: people sign in through an identity provider, and their roles decide.');
  team = await startTeam(program, await freePort());
  await playTeamStory(team, terminal.verbatim);
  terminal.heading('All went as told.');
  if (!once) await stayUp(team.url);
} catch (thrown) {
  terminal.alarm(`It did not go as told. ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  if (assistant) terminal.verbatim(assistant.log.split('\n').slice(-10).join('\n'));
  await assistant?.close();
  process.exitCode = 1;
} finally {
  await team?.stop();
  await kestra.close();
}

async function stayUp(teamUrl: string): Promise<void> {
  terminal.say('Now yours. Paste one of these:');
  for (const { title, text } of [...teamConfiguration(teamUrl, people), ...configuration(program, env)]) {
    terminal.heading(title);
    terminal.verbatim(text);
  }
  terminal.heading('All of it stays up until Ctrl-C.');
  const alive = setInterval(() => undefined, 60_000);
  await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  clearInterval(alive);
}
