import { run } from './run.ts';

try {
  process.exitCode = await run(process.argv.slice(2), { say: (text) => process.stdout.write(text) });
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exitCode = 1;
}
