import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  /** The file of the certificate, PEM. */
  readonly file: string;
  readonly cert: string;
  readonly key: string;
}

/** Certificates of a day, made by openssl in a folder of their own. */
export interface Certificates {
  /** An authority that nobody knows. */
  readonly authority: Certificate;
  /** Signed by it, for 127.0.0.1 and localhost. */
  readonly right: Certificate;
  /** Signed by it, for another host. */
  readonly ofAnother: Certificate;
  /** Signed by itself, for 127.0.0.1. */
  readonly selfSigned: Certificate;
  remove(): void;
}

export const makeCertificates = (): Certificates => {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'));
  const run = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const make = (name: string, subject: string, ...more: string[]): Certificate => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
    run('req', '-x509', '-days', '1', ...key, '-subj', `/CN=${subject}`, '-out', `${name}.pem`, ...more);
    return {
      file: join(folder, `${name}.pem`),
      cert: readFileSync(join(folder, `${name}.pem`), 'utf8'),
      key: readFileSync(join(folder, `${name}.key`), 'utf8'),
    };
  };
  const signed = (name: string, hosts: string): Certificate => {
    const own = make(name, name);
    run('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
    writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${hosts}\n`);
    const by = ['-CA', 'authority.pem', '-CAkey', 'authority.key', '-CAcreateserial'];
    run('x509', '-req', '-days', '1', '-in', `${name}.csr`, ...by, '-extfile', `${name}.ext`, '-out', `${name}.pem`);
    return { ...own, cert: readFileSync(own.file, 'utf8') };
  };
  return {
    authority: make('authority', 'an authority'),
    right: signed('right', 'IP:127.0.0.1,DNS:localhost'),
    ofAnother: signed('another', 'DNS:another.example'),
    selfSigned: make('self', 'self', '-addext', 'subjectAltName=IP:127.0.0.1'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
};
