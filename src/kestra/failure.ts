import { z } from 'zod';
import { type Code, PublicError } from '../errors.ts';

/** A call to Kestra that did not succeed. */
export class KestraError extends PublicError {
  /** The HTTP status, if Kestra (or something in its place) answered at all. */
  readonly status?: number;
  /** False only if it is certain that Kestra never got the request. */
  readonly mayHaveArrived: boolean;

  constructor(code: Code, message: string, about: { status?: number; mayHaveArrived: boolean; detail?: unknown; quoted?: string }) {
    super(code, message, about.detail, about.quoted);
    this.name = 'KestraError';
    if (about.status !== undefined) this.status = about.status;
    this.mayHaveArrived = about.mayHaveArrived;
  }
}

/** The same, of something that was asked before the call itself, which was therefore never sent. */
export const beforehand = ({ code, message, detail, quoted, status }: KestraError): KestraError =>
  new KestraError(code, message, { mayHaveArrived: false, detail: { status, detail }, ...(quoted && { quoted }) });

/** Whatever answers at the address, it isn't Kestra. */
export const notKestra = (detail: unknown): KestraError =>
  new KestraError(
    'kestra_unreadable',
    'What answers at the address of Kestra is not Kestra. An administrator should check KESTRA_API_URL.',
    { mayHaveArrived: true, detail },
  );

const answers: Readonly<Record<number, readonly [Code, string]>> = {
  400: ['kestra_refused', 'Kestra refused the request: mend what it names and try again.'],
  401: ['kestra_unauthorized', 'Kestra does not accept the credential that is used for you. auth_status says how to set a valid one.'],
  403: [
    'kestra_forbidden',
    'Kestra does not allow this to the credential that is used for you. Ask an administrator of Kestra for the permission.',
  ],
  404: ['not_found', 'Kestra has nothing by that name.'],
  405: ['not_on_this_server', 'This Kestra does not know the operation. Its version may have changed a moment ago: try once more.'],
  409: ['conflict', "Kestra can't do this in the present state of the thing."],
  413: ['invalid_input', 'That is larger than Kestra accepts.'],
  422: ['kestra_refused', 'Kestra found the request invalid: mend what it names and try again.'],
  429: ['busy', 'Kestra asks for fewer requests. Wait a little and try again.'],
  503: ['kestra_unreachable', 'Kestra is not available at the moment. Try again in a minute.'],
};

export interface Refused {
  readonly status: number;
  /** Whatever came with it. */
  readonly body: unknown;
  /** Seconds. */
  readonly retryAfter?: number;
  /** The header that was sent: something in between may repeat it. */
  readonly authorization?: string;
}

/** What an answer other than 2xx means for the caller. */
export const refusal = ({ status, body, retryAfter, authorization }: Refused): KestraError => {
  if (status >= 300 && status < 400) {
    return new KestraError(
      'misconfigured',
      'Kestra redirects elsewhere, which is not followed. An administrator should check KESTRA_API_URL.',
      {
        status,
        mayHaveArrived: true,
      },
    );
  }
  const [code, text] = answers[status] ?? (status >= 500 ? failed : refused);
  const wait = retryAfter === undefined ? '' : ` It asks to wait ${retryAfter} seconds.`;
  const quoted = messageOf(body, secretsOf(authorization));
  return new KestraError(code, `${text}${wait}`, { status, mayHaveArrived: true, ...(quoted && { quoted }) });
};

const failed = [
  'kestra_failed',
  'Kestra failed while it worked on this. Its own log says why; what was asked for may or may not have happened.',
] as const;
const refused = ['kestra_refused', 'Kestra refused the request.'] as const;

/** Error replies are hardly declared in Kestra's documents, so only what is there is read. */
const text = z.string().nullish();
const reply = z.object({
  message: text,
  invalids: z.array(z.object({ message: text, invalidValue: z.unknown() })).nullish(),
  _embedded: z.object({ errors: z.array(z.object({ message: text })).nullish() }).nullish(),
});

const secretsOf = (authorization = ''): string[] => {
  const [scheme, word = ''] = authorization.split(' ');
  const [, password = ''] = scheme === 'Basic' ? (/^[^:]*:(.*)$/s.exec(Buffer.from(word, 'base64').toString('utf8')) ?? []) : [];
  return [word, password].filter(({ length }) => length > 5);
};

const messageOf = (body: unknown, secrets: readonly string[]): string | undefined => {
  const hide = (text: string): string => secrets.reduce((hidden, secret) => hidden.replaceAll(secret, '(hidden)'), text);
  if (typeof body === 'string') return /<html|<!doctype/i.test(body) ? undefined : hide(body).trim().slice(0, 2000) || undefined;
  const parsed = reply.safeParse(body);
  if (!parsed.success) return undefined;
  const { message, invalids, _embedded } = parsed.data;
  const lines = [
    message,
    ...(_embedded?.errors ?? []).map((error) => error.message),
    ...(invalids ?? []).map((invalid) => `${invalid.message ?? 'invalid'}: ${JSON.stringify(invalid.invalidValue)}`),
  ].filter((line): line is string => Boolean(line));
  return hide([...new Set(lines)].join('\n')).slice(0, 4000) || undefined;
};

const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);
const certificate = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|ERR_SSL/;

/** What an exception of the network means for the caller. */
export const breakdown = (thrown: unknown, caller: AbortSignal | undefined): KestraError => {
  if (thrown instanceof KestraError) return thrown;
  const code = networkCode(thrown);
  const about = { mayHaveArrived: !neverSent.has(code) && !certificate.test(code), detail: thrown };
  if (caller?.aborted) return new KestraError('cancelled', 'The call was cancelled.', about);
  if (/^HPE_|^HTTPParserError|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH/.test(code)) return notKestra(thrown);
  if (code === 'TimeoutError') return new KestraError('kestra_timeout', 'Kestra did not answer in time.', about);
  if (certificate.test(code)) {
    return new KestraError('misconfigured', "Kestra's certificate can't be verified. An administrator should set KESTRA_CA_FILE.", about);
  }
  return about.mayHaveArrived
    ? new KestraError('kestra_unreachable', 'The connection to Kestra broke before it had answered.', about)
    : new KestraError(
        'kestra_unreachable',
        'Kestra is not reachable. Try again in a minute; if it stays so, an administrator should check that it runs and KESTRA_API_URL.',
        about,
      );
};

/** The innermost code: fetch wraps what the socket said in a TypeError. */
export const networkCode = (thrown: unknown): string => {
  if (!(thrown instanceof Error)) return '';
  const inner = thrown.cause === undefined ? '' : networkCode(thrown.cause);
  return (
    inner ||
    ('code' in thrown && typeof thrown.code === 'string'
      ? thrown.code
      : thrown.name === 'Error' || thrown.name === 'TypeError'
        ? ''
        : thrown.name)
  );
};
