import type {
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from '@modelcontextprotocol/client';

/** What an application of the SDK's tells its client: keeps all in memory, and leaves the browser to the test. */
export class MemoryProvider implements OAuthClientProvider {
  readonly redirectUrl: string;
  /** Where the client wants the browser to go, oldest first. */
  readonly asked: URL[] = [];
  registered?: StoredOAuthClientInformation;
  held?: StoredOAuthTokens;
  #verifier = '';
  #discovered?: OAuthDiscoveryState;

  constructor(redirectUrl: string) {
    this.redirectUrl = redirectUrl;
  }

  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: 'An application of the SDK',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }

  state(): string {
    return `state-${this.asked.length}`;
  }

  clientInformation(): StoredOAuthClientInformation | undefined {
    return this.registered;
  }

  saveClientInformation(information: StoredOAuthClientInformation): void {
    this.registered = information;
  }

  tokens(): StoredOAuthTokens | undefined {
    return this.held;
  }

  saveTokens(tokens: StoredOAuthTokens): void {
    this.held = tokens;
  }

  redirectToAuthorization(url: URL): void {
    this.asked.push(url);
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovered = state;
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovered;
  }
}
