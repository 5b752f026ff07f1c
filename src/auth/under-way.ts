/** What to take back from the limits once a sign-in has turned out well. */
export interface UnderWay {
  begin(id: string, refund: () => void): void;
  /** The sign-in succeeded: it doesn't count against its address any more. */
  succeed(id: string): void;
}

const most = 10_000;

/** Kept in memory: what is lost with a restart merely goes on counting until its window ends. */
export const signInsUnderWay = (): UnderWay => {
  const refunds = new Map<string, () => void>();
  return {
    begin: (id, refund) => {
      if (refunds.size >= most) refunds.delete(refunds.keys().next().value ?? '');
      refunds.set(id, refund);
    },
    succeed: (id) => {
      refunds.get(id)?.();
      refunds.delete(id);
    },
  };
};
