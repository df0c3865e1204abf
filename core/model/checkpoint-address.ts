/** What an address of a checkpoint means: the URL of a GGUF file, or of a folder with a config.json. */

export type CheckpointAddress = {
  /** The file that is the whole checkpoint; null for a folder. */
  readonly gguf: string | null
  /** For people: `org/name of huggingface.co`, or the address without its query. */
  readonly label: string
  /** Of a file beside it, or of itself. */
  readonly urlOf: (file: string) => string
}

const HUB_PATH = /\/([^/]+\/[^/]+)\/resolve\/([^/]+)(?:\/(.+))?$/
const COMMIT = /^[0-9a-f]{40}$/

function labelOf({ host, pathname }: URL): string {
  const path = decodeURIComponent(pathname.replace(/\/+$/, ''))
  const served = /^\/models\/(.+)$/.exec(path)?.[1]
  if (served !== undefined) return served
  const [, repository, revision = 'main', file] = HUB_PATH.exec(pathname.replace(/\/+$/, '')) ?? []
  if (repository === undefined) return `${path.split('/').at(-1) ?? ''} of ${host}`
  const at = revision === 'main' || COMMIT.test(revision) ? '' : `@${decodeURIComponent(revision)}`
  return `${decodeURIComponent([repository, ...(file === undefined ? [] : [file])].join('/'))}${at} of ${host}`
}

/** @param address absolute; a query stays with every file, as links that are signed need */
export function checkpointAddress(address: string): CheckpointAddress {
  const url = new URL(address)
  const { origin, pathname, search } = url
  const isFile = pathname.endsWith('.gguf')
  const folder = isFile ? pathname.slice(0, pathname.lastIndexOf('/') + 1) : pathname.replace(/\/*$/, '/')
  return {
    gguf: isFile ? decodeURIComponent(pathname.slice(folder.length)) : null,
    label: labelOf(url),
    urlOf: (file) => origin + folder + file.split('/').map(encodeURIComponent).join('/') + search,
  }
}
