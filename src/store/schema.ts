import { PublicError } from '../errors.ts';

/** The row of the schema table. */
export interface SchemaRow {
  readonly version: number;
  /** The oldest version of the program, counted in steps it knows, that may still work on it. */
  readonly readable_by: number;
}

/** @throws PublicError `misconfigured` when a newer program has made it unreadable for one that knows so many steps */
export const refuseNewer = (row: SchemaRow, understood = migrations.length): void => {
  if (row.readable_by <= understood) return;
  throw new PublicError(
    'misconfigured',
    'KESTRA_MCP_STORE: a newer kestra-mcp has changed this database and this version can no longer read it. Update kestra-mcp, or restore a backup.',
    row,
  );
};

export interface Migration {
  readonly readableBy: number;
  /** In SQLite's words; PostgreSQL's types are translated. */
  readonly sql: string;
}

/**
 * One step for each version. A step expands (new tables, new columns with defaults) and a later release contracts; `readableBy` is the
 * oldest program version that may still work on the result. Never edit a step that was released.
 */
export const migrations: readonly Migration[] = [
  {
    readableBy: 1,
    sql: `
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  issuer TEXT NOT NULL, subject TEXT NOT NULL,
  name TEXT, email TEXT, email_folded TEXT,
  first_seen_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL,
  not_before INTEGER,
  UNIQUE (issuer, subject)
) STRICT;
CREATE INDEX users_by_subject ON users (subject);
CREATE INDEX users_by_email ON users (email_folded) WHERE email_folded IS NOT NULL;
CREATE INDEX users_by_age ON users (last_seen_at);

CREATE TABLE clients (
  client_id TEXT PRIMARY KEY,
  metadata_hash BLOB NOT NULL UNIQUE, metadata TEXT NOT NULL,
  registered_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT;
CREATE INDEX clients_by_use ON clients (used_at, registered_at);

CREATE TABLE sign_ins (
  id TEXT PRIMARY KEY,
  state_hash BLOB NOT NULL UNIQUE, browser_hash BLOB NOT NULL,
  request TEXT NOT NULL, sealed BLOB NOT NULL,
  begun_at INTEGER NOT NULL, taken_at INTEGER, completed_at INTEGER,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);

CREATE TABLE grants (
  id TEXT PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  client_id TEXT NOT NULL, client TEXT NOT NULL, redirect_uri TEXT NOT NULL,
  resource TEXT NOT NULL, scopes TEXT NOT NULL, refreshable INTEGER NOT NULL,
  claims TEXT NOT NULL, claims_checked_at INTEGER NOT NULL, provider_checked_at INTEGER NOT NULL,
  key_id TEXT, provider_token BLOB, generation INTEGER NOT NULL DEFAULT 0,
  lease_owner TEXT, lease_deadline INTEGER, ask_interrupted INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL, redeemed_at INTEGER, last_used_at INTEGER NOT NULL,
  live_until INTEGER NOT NULL, ends_at INTEGER NOT NULL,
  revoked_at INTEGER, reason TEXT
) STRICT;
CREATE INDEX grants_by_user ON grants (user_id, live_until);
CREATE INDEX grants_by_client ON grants (client_id, live_until);
CREATE INDEX grants_by_life ON grants (live_until);
CREATE INDEX grants_by_key ON grants (key_id) WHERE key_id IS NOT NULL;

CREATE TABLE codes (
  hash BLOB PRIMARY KEY,
  grant_id TEXT NOT NULL UNIQUE REFERENCES grants ON DELETE CASCADE,
  challenge TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'used', 'dead')),
  guesses INTEGER NOT NULL DEFAULT 0,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE access_tokens (
  hash BLOB PRIMARY KEY,
  grant_id TEXT NOT NULL REFERENCES grants ON DELETE CASCADE,
  gen INTEGER NOT NULL, scopes TEXT NOT NULL, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_by_grant ON access_tokens (grant_id, gen);
CREATE INDEX access_by_expiry ON access_tokens (expires_at);

CREATE TABLE refresh_tokens (
  hash BLOB PRIMARY KEY,
  grant_id TEXT NOT NULL REFERENCES grants ON DELETE CASCADE,
  gen INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'used')),
  used_at INTEGER, asked TEXT, answer BLOB,
  idle_expires_at INTEGER NOT NULL,
  UNIQUE (grant_id, gen)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX refresh_active ON refresh_tokens (grant_id) WHERE state = 'active';
CREATE INDEX refresh_by_expiry ON refresh_tokens (idle_expires_at);
CREATE INDEX refresh_answers ON refresh_tokens (used_at) WHERE answer IS NOT NULL;

CREATE TABLE credentials (
  user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  instance TEXT NOT NULL,
  key_id TEXT NOT NULL, sealed BLOB NOT NULL, hint TEXT, stored_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, instance)
) STRICT, WITHOUT ROWID;
CREATE INDEX credentials_by_key ON credentials (key_id);

CREATE TABLE imported_credentials (
  issuer TEXT NOT NULL, subject TEXT NOT NULL, instance TEXT NOT NULL,
  key_id TEXT NOT NULL, sealed BLOB NOT NULL, hint TEXT, stored_at INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject, instance)
) STRICT, WITHOUT ROWID;
CREATE INDEX imported_by_key ON imported_credentials (key_id);

CREATE TABLE account_sessions (
  hash BLOB PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  claims TEXT NOT NULL, id_token BLOB,
  signed_in_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX account_sessions_by_user ON account_sessions (user_id, expires_at);
CREATE INDEX account_sessions_by_expiry ON account_sessions (expires_at);

CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL, kind TEXT NOT NULL,
  issuer TEXT, subject TEXT, client_id TEXT, grant_id TEXT, address TEXT, request_id TEXT, detail TEXT
) STRICT;
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_user ON audit (subject, issuer, id) WHERE subject IS NOT NULL;

CREATE TABLE counters (hash BLOB PRIMARY KEY, used INTEGER NOT NULL, ends_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX counters_by_use ON counters (used, ends_at);
CREATE INDEX counters_by_end ON counters (ends_at);

CREATE TABLE once (hash BLOB PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX once_by_expiry ON once (expires_at);
`,
  },
];
