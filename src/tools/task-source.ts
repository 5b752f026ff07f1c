import { isMap, isScalar, parseDocument, visit } from 'yaml';

/** The lines of a flow's source that define a task, comments aside; undefined if it has no task of that id. */
export const taskSource = (source: string, taskId: string): string | undefined => {
  const document = parseDocument(source, { uniqueKeys: false });
  let found: string | undefined;
  visit(document, {
    Map: (_, node, path) => {
      const task = node.items.some(({ key, value }) => isScalar(key) && key.value === 'id' && isScalar(value) && value.value === taskId);
      // The flow itself is a mapping with an id too.
      if (!task || !path.some(isMap) || !node.range) return undefined;
      const [start, end] = node.range;
      const line = source.lastIndexOf('\n', start) + 1;
      found = source.slice(line, end).trimEnd();
      return visit.BREAK;
    },
  });
  return found;
};
