declare module 'undici/lib/dispatcher/agent.js' {
  const Agent: typeof import('undici').Agent;
  export = Agent;
}

declare module 'undici/lib/web/fetch/index.js' {
  export { fetch } from 'undici';
}
