/** The two parts of undici that are in use. The whole (proxies, mocks, caches, web sockets) takes twice as long to load. */
export { default as Agent } from 'undici/lib/dispatcher/agent.js';
export { fetch } from 'undici/lib/web/fetch/index.js';
