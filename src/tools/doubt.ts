import { PublicError } from '../errors.ts';
import { KestraError } from '../kestra/failure.ts';

/** For what is never sent twice: an error after which it may have been done all the same says so, and where to look. */
export const doubtful =
  (look: string) =>
  (thrown: unknown): never => {
    const unsure = thrown instanceof KestraError && thrown.mayHaveArrived && (thrown.status === undefined || thrown.status >= 500);
    if (!unsure) throw thrown;
    throw new PublicError(
      thrown.code,
      `${thrown.message} Whether it was done is not known: ${look} before you try again.`,
      thrown,
      thrown.quoted,
    );
  };
