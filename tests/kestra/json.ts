/** What JSON and YAML can hold. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json | undefined;
}

/** The value as an object, or an empty one. */
export function object(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** Whether the value is a plain object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as an array, or an empty one. */
export function array(value: unknown): Json[] {
  return Array.isArray(value) ? value : [];
}

/** The value as a string if it is one. */
export function string(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The objects of an array; anything else in it is left out. */
export function objects(value: unknown): JsonObject[] {
  return array(value).filter(isObject);
}
