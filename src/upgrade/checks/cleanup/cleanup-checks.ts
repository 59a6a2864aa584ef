/** The routes of the proof of disuse, in the order in which they are shown. */
import { callersRoute, meshConfigRoute, objectsRoute, remoteClustersRoute, undoRoute } from "./config-routes.ts";
import { defaultTagRoute, defaultValidatorRoute, tagsRoute, webhooksRoute } from "./pointing-routes.ts";
import { connectionsRoute, gatewaysRoute, nodeAgentsRoute, podsRoute } from "./proxy-routes.ts";
import type { RouteCheck } from "./revision-use.ts";
import { namespacesRoute, templatesRoute } from "./selecting-routes.ts";

export const cleanupChecks: readonly RouteCheck[] = [
  namespacesRoute,
  templatesRoute,
  tagsRoute,
  defaultTagRoute,
  defaultValidatorRoute,
  webhooksRoute,
  podsRoute,
  connectionsRoute,
  gatewaysRoute,
  nodeAgentsRoute,
  objectsRoute,
  callersRoute,
  meshConfigRoute,
  remoteClustersRoute,
  undoRoute,
];
