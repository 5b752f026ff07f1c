const task = (type: string): string => `  - id: announce
    type: ${type}
    message: "{{ outputs.extract.value }} are ready for {{ inputs.country }}"
`;

const withTask = (source: string, type: string): string => source.replace(/^outputs:$/m, (outputs) => `${task(type)}${outputs}`);

/** The flow with one more task, whose type is misspelt. */
export const mistaken = (source: string): string => withTask(source, 'io.kestra.plugin.core.log.Logg');

/** The flow with one more task. */
export const mended = (source: string): string => withTask(source, 'io.kestra.plugin.core.log.Log');

/** The arguments that save this source, without what did not change. */
export const without = (source: string): string => {
  const start = source.indexOf('  - id: announce');
  const end = source.indexOf('outputs:');
  return `{"source":"(the flow, with one task more)","expected_revision":1}\n${source.slice(start, end).trimEnd()}`;
};
