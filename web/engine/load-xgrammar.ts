import { isXgrammar, type Xgrammar } from '../../core/constrain/xgrammar.ts'
import { ClusterError } from '../../protocol/errors.ts'

/** The grammar engine, in a chunk of its own that is fetched when the first answer needs it. Its script has exports of the older kind, which a bundler makes the default one. */
export async function loadXgrammar(): Promise<Xgrammar> {
  const loaded: object = await import('@mlc-ai/web-xgrammar')
  const found = [loaded, Reflect.get(loaded, 'default'), Reflect.get(globalThis, 'xgrammar')].find(isXgrammar)
  if (!found) throw new ClusterError('unsupported_backend', 'the grammar engine did not load in this browser')
  return found
}
