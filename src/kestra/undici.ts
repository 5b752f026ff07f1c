/** The two parts of undici that are in use. The whole (fetch, proxies, mocks, caches, web sockets) takes three times as long to load. */

export { default as request } from 'undici/lib/api/api-request.js';
export { default as Agent } from 'undici/lib/dispatcher/agent.js';
