import { describeStore } from './contract/contract.ts';
import { sqlite } from './sqlite-place.ts';

describeStore(sqlite);
