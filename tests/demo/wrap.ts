/** A text in lines of at most `width` characters, broken after a space or a comma where there is one. */
export const wrapped = (text: string, width: number): string[] =>
  text.split('\n').flatMap((line) => {
    const lines: string[] = [];
    let rest = line;
    while (rest.length > width) {
      const start = rest.slice(0, width);
      const space = Math.max(start.lastIndexOf(' '), start.lastIndexOf(','));
      const end = space > width / 3 ? space + 1 : width;
      lines.push(rest.slice(0, end).trimEnd());
      rest = rest.slice(end).trimStart();
    }
    return [...lines, rest];
  });
