import { type RequestHandler, Router } from 'express';
import { type Scope, scopes } from '../scopes.ts';

export interface MetadataSettings {
  /** Without a trailing slash; what `iss` says too. */
  readonly issuer: string;
  /** The URL of the MCP endpoint (RFC 8707). */
  readonly resource: string;
  /** The authorization servers whose tokens count here, if not this one. */
  readonly authorizationServers?: readonly string[];
  readonly registration: boolean;
  readonly metadataDocuments: boolean;
  /** Are there clients with secrets? */
  readonly confidentialClients: boolean;
  readonly defaultScopes?: readonly Scope[];
}

/** RFC 8414 §2, with RFC 9207 §3, RFC 9728 §4 and the client-id metadata document draft §5. Only what is really on is named. */
export const authorizationServerMetadata = (settings: MetadataSettings) => {
  const { issuer, resource, registration, metadataDocuments, confidentialClients } = settings;
  const authMethods = ['none', ...(confidentialClients ? ['client_secret_basic', 'client_secret_post'] : [])];
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    revocation_endpoint: `${issuer}/revoke`,
    ...(registration && { registration_endpoint: `${issuer}/register` }),
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: authMethods,
    revocation_endpoint_auth_methods_supported: authMethods,
    authorization_response_iss_parameter_supported: true,
    ...(metadataDocuments && { client_id_metadata_document_supported: true }),
    scopes_supported: scopes,
    protected_resources: [resource],
    service_documentation: `${issuer}/`,
  };
};

/** RFC 9728 §2. */
export const protectedResourceMetadata = ({
  issuer,
  resource,
  authorizationServers = [issuer],
  defaultScopes = scopes,
}: MetadataSettings) => ({
  resource,
  authorization_servers: authorizationServers,
  scopes_supported: defaultScopes,
  bearer_methods_supported: ['header'],
  resource_name: 'Kestra',
  resource_documentation: `${issuer}/`,
});

/** Where a 401 sends clients (RFC 9728 §5.1). */
export const resourceMetadataUrl = (issuer: string): string => `${issuer}/.well-known/oauth-protected-resource/mcp`;

/**
 * The documents by which clients find their way. They come from the configuration alone, never from what a request says of itself.
 * There is no openid-configuration: no ID tokens are issued here.
 */
export const metadata = (settings: MetadataSettings): Router => {
  const router = Router({ caseSensitive: true, strict: true });
  const serve = (document: object): RequestHandler => {
    const body = JSON.stringify(document);
    return (_, response) => {
      response.set({ 'Cache-Control': 'public, max-age=300', 'Content-Type': 'application/json' }).send(body);
    };
  };
  const resource = serve(protectedResourceMetadata(settings));
  router.get(['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp'], resource);
  if (!settings.authorizationServers) router.get('/.well-known/oauth-authorization-server', serve(authorizationServerMetadata(settings)));
  return router;
};
