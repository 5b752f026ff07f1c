# Builds from the repository alone:   docker build -t kestra-mcp .
# The full image has the compiler that SQLite's driver needs where no built one can be had.
FROM node:24-bookworm AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsdown.config.ts third-party-licenses.ts ./
COPY src ./src
RUN npm run build \
  && npm prune --omit=dev \
  && rm -rf dist/*.map node_modules/better-sqlite3/deps node_modules/better-sqlite3/src \
  && find node_modules/better-sqlite3/build -type f ! -name better_sqlite3.node -delete

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="kestra-mcp" \
  org.opencontainers.image.source="https://github.com/kestra-io/kestra-mcp" \
  org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY LICENSE ./
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
RUN ln -s /app/dist/main.mjs /usr/local/bin/kestra-mcp && install -d -o 1000 -g 1000 -m 700 /data
# The root filesystem may be read-only: nothing but /data is written.
USER 1000:1000
VOLUME /data
ENV NODE_ENV=production KESTRA_MCP_HOST=0.0.0.0 KESTRA_MCP_STORE=/data/kestra-mcp.sqlite
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.KESTRA_MCP_PORT || 8081}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/main.mjs"]
