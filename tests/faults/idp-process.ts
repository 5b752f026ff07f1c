/** The pretend identity provider in a process of its own, as its one argument says. It ends when its input does. */
import { FakeIdp } from '../auth/fake-idp.ts';

const { port, privateKey } = JSON.parse(process.argv[2] ?? '{}') as { port: number; privateKey: string };
const idp = new FakeIdp(privateKey);
idp.url = `http://127.0.0.1:${port}`;
// A real one keeps what it gave out.
idp.recall = () => 'eve';
for (let i = 0; i < 50; i++) idp.users.set(`user${i}`, { sub: `sub-${i}`, claims: { name: `User ${i}`, roles: ['kestra-editor'] } });
await idp.start();
process.stdout.write('up\n');
process.stdin.resume().once('end', () => process.exit());
