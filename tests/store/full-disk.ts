import { openStore } from '../../src/store/open.ts';
import { connect, isLive, keyring } from './contract/story.ts';

/** Writes until the disk is full, then says what it saw. Run by sqlite-faults.test.ts with a limit on the size of its files. */
const store = await openStore(process.argv[2] ?? '', { keyring });
const first = await connect(store);
const acknowledged = [first.accessToken];
try {
  for (;;) {
    acknowledged.push((await connect(store)).accessToken);
  }
} catch (error) {
  const { code, message } = error as { code: string; message: string };
  process.stdout.write(JSON.stringify({ code, message, acknowledged, reads: await isLive(store, first) }));
}
