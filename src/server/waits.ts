/** Does this call wait for something in Kestra? It may take long then. */
export const waits = (name: string, args: unknown): boolean => {
  const wait = typeof args === 'object' && args !== null && 'wait' in args ? args.wait : undefined;
  return name === 'execute_flow' ? wait !== false : wait === true;
};
