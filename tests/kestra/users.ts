/** Somebody who may use the pretended server. */
export interface User {
  username: string;
  /** For Basic (OSS, and EE before 2.0). */
  password?: string;
  /** For Bearer (EE). */
  token?: string;
  id?: string;
  firstName?: string;
  lastName?: string;
  superAdmin?: boolean;
  /** Namespaces (with those below) that an EE user may see and change; all if absent. */
  namespaces?: readonly string[];
  /** An EE user who may only look. */
  readOnly?: boolean;
}

/** Who signs in when a test doesn't say: `kestra@example.com` / `Kestra-1234`, and on EE three people with tokens. */
export const defaultUsers: readonly User[] = [
  {
    username: 'kestra@example.com',
    password: 'Kestra-1234',
    token: 'kestra-admin-token',
    id: 'user-admin',
    firstName: 'Kestra',
    lastName: 'Admin',
    superAdmin: true,
  },
  { username: 'ada@acme.example', password: 'Ada-12345', token: 'ada-token', id: 'user-ada', firstName: 'Ada', lastName: 'Lovelace' },
  { username: 'grace@acme.example', password: 'Grace-123', token: 'grace-token', id: 'user-grace', firstName: 'Grace', lastName: 'Hopper' },
];
