# The product, built with everything and run with what it needs. It has no engines: set their addresses, as compose.yaml does.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN node build.mjs
RUN npm prune --omit=dev

FROM node:24-slim
ENV NODE_ENV=production COMMERCE_DATA=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/read-api/console ./read-api/console
COPY --from=build /app/read-api/reference ./read-api/reference
COPY --from=build /app/dist ./dist
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:3000/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--enable-source-maps", "dist/commerce.js"]
CMD ["start", "--host", "0.0.0.0", "--port", "3000"]
