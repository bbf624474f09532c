// The HTTP surface of a program: its API, and whether it is ready.
import { createApp } from '../http/app.js';
import { endpointParts } from './endpoints.js';
import { lazy, type Recipes } from './parts.js';
import { createHealth } from './reachable.js';

export const apiParts = {
  ...endpointParts,

  app: ({ api, tokens, engines, readModels: { stores }, projectorHosts: hosts, firstLook }) =>
    lazy(() => {
      const enginesAway = createHealth(engines);
      const readiness = async () => {
        const { commands: away, readModels } = await enginesAway();
        const unopened = stores.filter(({ documents }) => documents.isAway()).map(({ engine }) => engine);
        const storesAway = [...new Set([...readModels, ...unopened])].filter((engine) => !away.includes(engine));
        const standingStill = [...hosts].flatMap((host) => host.readiness());
        return { away, storesAway, standingStill, ...firstLook.state() };
      };
      return createApp({ ...api, readiness, tokenKeys: tokens.keySet });
    }),
} satisfies Partial<Recipes>;
