import { z } from 'zod';
import { PublicError } from '../errors.ts';
import type { Answer } from './answer.ts';

/** The argument by which a caller shows that a deletion is meant. */
export const confirm = z.string().max(600).optional().describe('repeat what the first answer asks for');

/** Nothing was done: the caller must confirm first. */
export class Unconfirmed extends PublicError {
  readonly confirm: Answer['confirm'];

  constructor(message: string, confirm: Answer['confirm']) {
    super('invalid_input', message);
    this.confirm = confirm;
  }
}

/**
 * What is lost for good needs a second call that repeats the name: nothing is deleted by a slip.
 * @throws Unconfirmed says what would be lost and how to go on
 */
export const insistOnConfirm = (given: string | undefined, name: string, lost: string): void => {
  if (given === name) return;
  const wrong = given === undefined ? '' : `confirm is not ${JSON.stringify(name)}. `;
  throw new Unconfirmed(
    `${wrong}${lost} Nothing was done yet. If the user wants this, call again with the same arguments and confirm: ${JSON.stringify(name)}.`,
    { value: name, message: lost },
  );
};
