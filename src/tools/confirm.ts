import { z } from 'zod';
import { refuse } from './fields.ts';

/** The argument by which a caller shows that a deletion is meant. */
export const confirm = z.string().max(600).optional().describe('repeat what the first answer asks for');

/**
 * What is lost for good needs a second call that repeats the name: nothing is deleted by a slip.
 * @throws PublicError `invalid_input` that says what would be lost and how to go on
 */
export const insistOnConfirm = (given: string | undefined, name: string, lost: string): void => {
  if (given === name) return;
  const wrong = given === undefined ? '' : `confirm is not ${JSON.stringify(name)}. `;
  refuse(
    `${wrong}${lost} Nothing was done yet. If the user wants this, call again with the same arguments and confirm: ${JSON.stringify(name)}.`,
  );
};
