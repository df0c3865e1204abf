import type { RingClient } from '../core/client/ring-client.ts'
import type { ClusterView } from '../core/cluster/cluster-view.ts'

/** What computes answers for the gateway: a ring client, and the view that it sees. Tests give one that needs no ring. */
export type CompletionBackend = Pick<RingClient, 'complete' | 'embed' | 'serving'> & { readonly view: () => ClusterView }
