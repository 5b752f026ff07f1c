export type Version = '1.3.25' | '2.0.0-SNAPSHOT';
export type Line = '1.3' | '2.0';
export type Edition = 'OSS' | 'EE';

/** The line that a version belongs to. */
export function lineOf(version: Version): Line {
  return version.startsWith('1.') ? '1.3' : '2.0';
}
