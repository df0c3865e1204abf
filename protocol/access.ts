/** What a key of a server may open, as its file, its API and its page name it. */

/**
 * `inference`: everything that asks a model. `cluster`: state of the cluster, placements and the catalog. `metrics`: /metrics.
 * `access`: keys and invitations themselves.
 */
export const SCOPES = ['inference', 'cluster', 'metrics', 'access'] as const
export type Scope = (typeof SCOPES)[number]
