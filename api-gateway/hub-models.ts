/**
 * Models that this server has no files of and finds on its hub. What everybody may read, devices read there themselves; what only this
 * server's token opens, they read through this server, at a path that only who has joined the cluster learns.
 */
import { untilDone, retryAfterMs, type Try } from '../core/model/http-retry.ts'
import { hubAddress, hubReference, type HubReference } from '../core/model/model-reference.ts'
import { ClusterError } from '../protocol/errors.ts'
import type { ModelId } from '../protocol/ids.ts'
import { sharedPath, type Hub } from './hub-access.ts'
import { HUB_READING } from './hub-reading.ts'

export type HubModels = {
  readonly endpoint: string
  /**
   * Where devices read the model; null for a name that no hub can have.
   * @throws {ClusterError} model_not_found saying why, source_unavailable
   */
  readonly find: (id: ModelId) => Promise<string | null>
}

/** `commit`: what the revision stands for now, where the hub tells. */
type Probe = { readonly status: number; readonly commit: string | null }
const PROBE_MS = 10_000
const COMMIT = /^[0-9a-f]{40}$/

async function tryProbe(address: string, token: string | null): Promise<Try<Probe>> {
  const failed = (what: string, cause?: unknown): ClusterError =>
    new ClusterError('source_unavailable', `the hub at ${new URL(address).host} could not be asked for ${new URL(address).pathname}: ${what}`, {
      cause,
    })
  try {
    const headers = token === null ? {} : { authorization: `Bearer ${token}` }
    // The redirect of a large file says it is there: where it leads is the devices' business.
    const response = await fetch(address, { method: 'HEAD', redirect: 'manual', headers, signal: AbortSignal.timeout(PROBE_MS) })
    const { status } = response
    if (status === 429 || status >= 500) return { outcome: 'again', error: failed(`status ${status}`), waitMs: retryAfterMs(response.headers) }
    const commit = response.headers.get('x-repo-commit')
    return { outcome: 'done', value: { status, commit: commit !== null && COMMIT.test(commit) ? commit : null } }
  } catch (cause) {
    return { outcome: 'again', error: failed('no answer', cause) }
  }
}

function refusal({ repository, file }: HubReference, status: number, hasToken: boolean): ClusterError {
  const missing =
    file === null
      ? `the hub has no config.json of ${repository}: there is no such model, or it is of GGUF files, which are named ${repository}/FILE.gguf`
      : `the hub has no file ${file} of ${repository}`
  const closed = hasToken
    ? `the hub gives the token of this server no access to ${repository} (${status}); ask its publisher for it`
    : `the hub gives no access to ${repository} (${status}): there is no such model, or it is private or gated and this server has no token (HF_TOKEN)`
  return new ClusterError('model_not_found', status === 401 || status === 403 ? closed : missing, { detail: { param: 'model' } })
}

export function createHubModels(hub: Hub): HubModels {
  const { endpoint, token } = hub
  const known = new Map<ModelId, Promise<string>>()

  async function search(reference: HubReference): Promise<string> {
    const probe = (as: string | null): Promise<Probe> => {
      const address = reference.file === null ? `${hubAddress(reference, endpoint)}/config.json` : hubAddress(reference, endpoint)
      return untilDone(() => tryProbe(address, as), HUB_READING)
    }
    const isThere = ({ status }: Probe): boolean => status < 400
    const open = await probe(null)
    const found = isThere(open) || token === null ? open : await probe(token)
    if (!isThere(found)) throw refusal(reference, found.status, token !== null)
    // A commit never changes: every device reads the same bytes, whatever happens to the branch.
    const address = hubAddress({ ...reference, revision: found.commit ?? reference.revision }, endpoint)
    return isThere(open) ? address : sharedPath(address, reference.repository, hub)
  }

  return {
    endpoint,
    find: async (id) => {
      const reference = hubReference(id)
      if (!reference) return null
      const asked = known.get(id) ?? search(reference)
      known.set(id, asked)
      // Only what is there is remembered: the rest may be uploaded, or the host come back.
      asked.catch(() => known.delete(id))
      return asked
    },
  }
}
