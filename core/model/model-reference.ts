/** What people write to name a model of the hub: its name, perhaps with a revision and a GGUF file, or the address of its page. */
import { ClusterError } from '../../protocol/errors.ts'
import { isModelId, type ModelId } from '../../protocol/ids.ts'

/** Of a model's id, for the hub. */
export type HubReference = {
  /** `ORG/NAME`. */
  readonly repository: string
  readonly revision: string
  /** The GGUF file that is the model; null for config.json and safetensors. */
  readonly file: string | null
}

const ID = /^([^/@]+\/[^/@]+)(?:@((?:refs\/[^/]+\/)?[^/]+))?(?:\/(.+\.gguf))?$/
const PUBLIC_HUBS = ['https://huggingface.co', 'https://hf.co']
const EXPECTED = 'write ORG/NAME, ORG/NAME@REVISION, ORG/NAME/FILE.gguf, or the address of the model on the hub'

/** Null for a model that no hub can have: its name has no organization. */
export function hubReference(id: ModelId): HubReference | null {
  const [, repository, revision = 'main', file = null] = ID.exec(id) ?? []
  return repository === undefined ? null : { repository, revision, file }
}

/** Where the hub has it: a folder, or a GGUF file. @param endpoint base URL of the hub */
export function hubAddress({ repository, revision, file }: HubReference, endpoint: string): string {
  const folder = `${endpoint.replace(/\/+$/, '')}/${repository}/resolve/${encodeURIComponent(revision)}`
  return file === null ? folder : `${folder}/${file.split('/').map(encodeURIComponent).join('/')}`
}

const invalid = (message: string, cause?: unknown): ClusterError => new ClusterError('invalid_value', message, { cause, detail: { param: 'model' } })

function checked(id: string): ModelId {
  if (isModelId(id)) return id
  throw invalid(`${JSON.stringify(id.slice(0, 100))} does not name a model; ${EXPECTED}`)
}

function addressOf(text: string): URL {
  try {
    return new URL(text)
  } catch (cause) {
    throw invalid(`that address cannot be read; ${EXPECTED}`, cause)
  }
}

/** `/ORG/NAME`, `/ORG/NAME/tree/REVISION`, and addresses of files: `/ORG/NAME/{blob,resolve}/REVISION/FILE`. */
function fromPath(path: string): ModelId {
  const parts = path.split('/').filter((part) => part !== '')
  const [organization = '', name = '', kind = '', revision = 'main', ...file] = parts.map(decodeURIComponent)
  const hasRevision = kind === 'tree' || kind === 'blob' || kind === 'resolve'
  const at = hasRevision && revision !== 'main' ? `@${revision}` : ''
  const isGguf = kind !== 'tree' && file.at(-1)?.endsWith('.gguf') === true
  return checked(`${organization}/${name}${at}${isGguf ? `/${file.join('/')}` : ''}`)
}

/**
 * @param endpoint base URL of the hub that this server is set to; addresses of the public hub mean the same model there
 * @throws {ClusterError} invalid_value saying what is expected; source_unavailable for an address of another host
 */
export function parseModelReference(text: string, endpoint: string | null): ModelId {
  const given = text.trim()
  if (!/^https?:\/\//i.test(given)) return checked(given.replace(/^hf:/, '').replace(/@main(?=\/|$)/, ''))
  const { href, host } = addressOf(given)
  const base = [...(endpoint === null ? [] : [endpoint.replace(/\/+$/, '')]), ...PUBLIC_HUBS].find((hub) => href.startsWith(`${hub}/`))
  if (base === undefined) {
    const hub = endpoint === null ? 'its own folders only' : `${new URL(endpoint).host} and its own folders only`
    throw new ClusterError('source_unavailable', `this server takes models from ${hub}, not from ${host}; upload the files instead`)
  }
  return fromPath(href.slice(base.length).split(/[?#]/)[0] ?? '')
}
