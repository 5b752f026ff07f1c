import { existsSync, readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { installed } from './tools.ts';

/** An object as it is sent to Kubernetes. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

type Schema = { [key: string]: unknown };

/** Formats that Kubernetes's documents name and Ajv does not know are left to Kubernetes. */
const ajv = new Ajv({ strict: false, validateFormats: false });

/** As the server does with strict field validation: what a schema does not name is refused. */
const strict = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const own = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)])) as Schema;
  const open = 'additionalProperties' in own || own['x-kubernetes-preserve-unknown-fields'] === true;
  const isObject = typeof own.properties === 'object' && own.properties !== null && !('$ref' in own.properties);
  return isObject && !open ? { ...own, additionalProperties: false } : own;
};

const validators = new Map<string, ValidateFunction>();

const builtIn = (apiVersion: string, kind: string): ValidateFunction | undefined => {
  const file = installed(`kubernetes/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}.json`);
  if (!existsSync(file)) return undefined;
  const { components } = JSON.parse(readFileSync(file, 'utf8')) as { components: { schemas: Record<string, Schema> } };
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const [name] =
    Object.entries(components.schemas).find(([, schema]) =>
      (schema['x-kubernetes-group-version-kind'] as { group: string; version: string; kind: string }[] | undefined)?.some(
        (one) => one.group === group && one.version === version && one.kind === kind,
      ),
    ) ?? [];
  if (!name) return undefined;
  const $id = `kubernetes:${apiVersion}`;
  if (!ajv.getSchema($id)) ajv.addSchema({ $id, components: strict(components) });
  return ajv.compile({ $ref: `${$id}#/components/schemas/${name}` });
};

const ofGateway = (apiVersion: string, kind: string): ValidateFunction | undefined => {
  if (apiVersion !== 'gateway.networking.k8s.io/v1') return undefined;
  const text = readFileSync(installed(`gateway/gateway.networking.k8s.io_${kind.toLowerCase()}s.yaml`), 'utf8');
  const { spec } = parse(text) as { spec: { versions: { name: string; schema: { openAPIV3Schema: Schema } }[] } };
  const schema = strict(spec.versions.find(({ name }) => name === 'v1')?.schema.openAPIV3Schema) as { properties: Schema };
  return ajv.compile({ ...schema, properties: { ...schema.properties, metadata: { type: 'object' } } });
};

/** What Kubernetes would say against it; undefined where its kind is none that is known here. */
export const complaints = ({ apiVersion, kind }: Manifest, manifest: unknown): string[] | undefined => {
  const key = `${apiVersion} ${kind}`;
  const validate = validators.get(key) ?? builtIn(apiVersion, kind) ?? ofGateway(apiVersion, kind);
  if (!validate) return undefined;
  validators.set(key, validate);
  validate(manifest);
  return (validate.errors ?? []).map(({ instancePath, message, params }) => `${key} ${instancePath} ${message} ${JSON.stringify(params)}`);
};
