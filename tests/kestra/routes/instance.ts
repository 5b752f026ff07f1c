import { type Reply, reply } from '../contract.ts';
import { json, type Route } from '../route.ts';
import { line, type World } from '../world.ts';

/** What kind of server this is: open on OSS and on EE 1.x. */
function configuration(world: World): Reply<'getConfiguration'> {
  const shared = {
    uuid: '2uF47UVFL7yTPV8ys3nkdW',
    version: world.version,
    edition: world.edition,
    chartDefaultDuration: 'PT24H',
    isCustomDashboardsEnabled: true,
    isAnonymousUsageEnabled: false,
    isUiAnonymousUsageEnabled: false,
    url: `${world.url}/`,
    preview: { initial: 100, max: 5000 },
    systemNamespace: 'system',
    hiddenLabelsPrefixes: ['system.', 'internal.'],
    isAiApiKeyConfigured: false,
    isBasicAuthInitialized: true,
    pluginsHash: 0,
    isConcurrencyViewEnabled: true,
  };
  const ee =
    world.edition === 'EE'
      ? { tenants: { storageByTenant: false, secretByTenant: false }, secretsEnabled: true, inMaintenance: false }
      : {};
  return line(world) === '1.3'
    ? { ...shared, isTemplateEnabled: false, isAiEnabled: true, ...ee }
    : { ...shared, flowTemplate: '', isAiEnabled: false, ...ee };
}

export const instanceRoutes: Route[] = [
  { on: 'GET /ping', handle: () => new Response('pong', { headers: { 'content-type': 'application/json' } }) },
  { on: 'GET /api/v1/configs', handle: ({ world }) => reply<'getConfiguration'>(configuration(world)) },
  { on: 'GET /api/v1/configs/login', line: '2.0', handle: () => json({ isBasicAuthInitialized: true }) },
  {
    on: 'GET /api/v1/me',
    handle: ({ user }) => {
      return reply<'getCurrentUser'>({
        id: user?.id ?? user?.username ?? '',
        superAdmin: user?.superAdmin ?? false,
        restricted: false,
        profile: {
          email: user?.username ?? '',
          username: user?.username ?? '',
          firstName: user?.firstName ?? '',
          lastName: user?.lastName ?? '',
        },
        auths: [],
        tenants: [{ id: 'main', name: 'main' }],
      });
    },
  },
];
