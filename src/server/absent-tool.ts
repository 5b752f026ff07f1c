import { z } from 'zod';
import type { Tool } from '../tools/tool.ts';
import { unknownTool } from './layers/authorize.ts';

/** What stands in for a tool that is not there, so that whoever calls it is limited, refused and audited like everybody. */
export const absentTool = (name: string): Tool => ({
  name: 'unknown',
  title: '',
  description: '',
  permissions: [],
  effect: 'session',
  input: z.object({}),
  uses: [],
  wide: false,
  prepare: () => {
    throw unknownTool(name);
  },
});
