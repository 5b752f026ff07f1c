import { describeProcesses } from './contract/processes.ts';
import { sqlite } from './sqlite-place.ts';

describeProcesses(sqlite);
