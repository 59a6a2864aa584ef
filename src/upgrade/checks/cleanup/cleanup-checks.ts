/** The routes of the proof of disuse, in the order in which they are shown. */
import { callersRoute, meshConfigRoute, objectsRoute, remoteClustersRoute, undoRoute } from "./config-routes.ts";
import { defaultTagRoute, defaultValidatorRoute, tagsRoute, webhooksRoute } from "./pointing-routes.ts";
import { connectionsRoute, gatewaysRoute, nodeAgentsRoute, noIstiodRoute, podsRoute } from "./proxy-routes.ts";
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

/** What leads to a revision without an istiod is removed with it: a tag or a default that leads nowhere is no use. */
const leading: readonly RouteCheck[] = [tagsRoute, defaultTagRoute, defaultValidatorRoute];

/** The routes for what an earlier removal left: the same, with the proof that it has no istiod any more. */
export const leftoverChecks: readonly RouteCheck[] = [
  noIstiodRoute,
  ...cleanupChecks.filter((check) => !leading.includes(check)),
];
