/** What people write to name a model of the hub: its name, perhaps with a revision, or the address of its page. */
import { ClusterError } from '../../protocol/errors.ts'
import { isModelId, type ModelId } from '../../protocol/ids.ts'

export type ModelReference = { readonly id: ModelId; readonly revision: string }

const NAME = /^(?:hf:)?([^@\s]+?)(?:@([^@\s]+))?$/
const REVISION = /^[\w.-]+(?:\/[\w.-]+)*$/
const PUBLIC_HUBS = ['https://huggingface.co', 'https://hf.co']
const EXPECTED = 'write ORG/NAME, ORG/NAME@REVISION, or the address of the model on the hub'

const invalid = (message: string): ClusterError => new ClusterError('invalid_value', message, { detail: { param: 'model' } })

function checked(id: string | undefined, revision: string): ModelReference {
  if (isModelId(id) && REVISION.test(revision) && !revision.includes('..')) return { id, revision }
  throw invalid(`${JSON.stringify((id ?? '').slice(0, 100))} does not name a model; ${EXPECTED}`)
}

function addressOf(text: string): URL {
  try {
    return new URL(text)
  } catch (cause) {
    throw new ClusterError('invalid_value', `that address cannot be read; ${EXPECTED}`, { cause, detail: { param: 'model' } })
  }
}

/** `/ORG/NAME`, `/ORG/NAME/tree/REVISION`, and addresses of files: `/ORG/NAME/{blob,resolve}/REVISION/FILE`. */
function fromPath(path: string): ModelReference {
  const [organization, name, kind, revision] = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent)
  const hasRevision = kind === 'tree' || kind === 'blob' || kind === 'resolve'
  return checked(`${organization ?? ''}/${name ?? ''}`, hasRevision ? (revision ?? 'main') : 'main')
}

/**
 * @param endpoint base URL of the hub that this server is set to; addresses of the public hub mean the same model there
 * @throws {ClusterError} invalid_value saying what is expected; source_unavailable for an address of another host
 */
export function parseModelReference(text: string, endpoint: string | null): ModelReference {
  const given = text.trim()
  if (!/^https?:\/\//i.test(given)) {
    const [, id, revision = 'main'] = NAME.exec(given) ?? []
    return checked(id, revision)
  }
  const { href, host } = addressOf(given)
  const base = [...(endpoint === null ? [] : [endpoint.replace(/\/+$/, '')]), ...PUBLIC_HUBS].find((hub) => href.startsWith(`${hub}/`))
  if (base === undefined) {
    const hub = endpoint === null ? 'its own folders only' : `${new URL(endpoint).host} and its own folders only`
    throw new ClusterError('source_unavailable', `this server takes models from ${hub}, not from ${host}; upload the files instead`)
  }
  return fromPath(href.slice(base.length).split(/[?#]/)[0] ?? '')
}
