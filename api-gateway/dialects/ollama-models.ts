/** Models as Ollama's dialect describes them. */
import { createHash } from 'node:crypto'
import type { ClusterView } from '../../core/cluster/cluster-view.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { Placement } from '../../protocol/cluster.ts'
import type { ModelEntry } from '../model-catalog.ts'

/** A placement stays until somebody takes it back: a date that clients show as "forever". */
const NEVER = '2318-01-01T00:00:00Z'

type Facts = { readonly parameters: number; readonly bytes: number; readonly types: readonly string[] }

function factsOf({ tensors }: ModelDescription): Facts {
  const bytesByType = new Map<string, number>()
  let [parameters, bytes] = [0, 0]
  for (const { shape, start, end, type } of tensors.values()) {
    parameters += shape.reduce((product, length) => product * length, 1)
    bytes += end - start
    bytesByType.set(type ?? 'other', (bytesByType.get(type ?? 'other') ?? 0) + end - start)
  }
  return { parameters, bytes, types: [...bytesByType].sort(([, a], [, b]) => b - a).map(([type]) => type) }
}

/** As Ollama writes counts: 4.2M, 1.5B. */
const inWords = (parameters: number): string => (parameters >= 1e9 ? `${(parameters / 1e9).toFixed(1)}B` : `${(parameters / 1e6).toFixed(1)}M`)

/** Changes whenever the files do: over where each tensor lies and when the files were written, since hashing the weights would read them all. */
const digestOf = ({ id, created }: ModelEntry, { tensors }: ModelDescription): string =>
  createHash('sha256')
    .update(JSON.stringify([id, created, ...tensors]))
    .digest('hex')

const detailsOf = ({ config, tensors }: ModelDescription, { parameters, types }: Facts): object => ({
  parent_model: '',
  format: [...tensors.values()].some(({ file }) => file.endsWith('.gguf')) ? 'gguf' : 'safetensors',
  family: config.modelType,
  families: [config.modelType],
  parameter_size: inWords(parameters),
  quantization_level: (types[0] ?? 'unknown').toUpperCase(),
})

const named = (entry: ModelEntry, model: ModelDescription, facts: Facts): object => ({
  name: entry.id,
  model: entry.id,
  digest: digestOf(entry, model),
  details: detailsOf(model, facts),
})

/** A line of /api/tags. */
export function tagOf(entry: ModelEntry, model: ModelDescription): object {
  const facts = factsOf(model)
  return { ...named(entry, model, facts), modified_at: new Date(entry.created * 1000).toISOString(), size: facts.bytes }
}

/** A line of /api/ps: what the devices of the placement hold. */
export function runningOf(entry: ModelEntry, model: ModelDescription, placement: Placement, view: ClusterView): object {
  const held = placement.shards.map(({ peerId }) => {
    const peer = view.peers.get(peerId)
    const bytes = peer?.status.shards.filter(({ epoch }) => epoch === placement.epoch).reduce((sum, { heldBytes }) => sum + heldBytes, 0) ?? 0
    return { bytes, isGpu: peer?.capabilities?.backend === 'webgpu' }
  })
  const sum = (some: readonly { readonly bytes: number }[]): number => some.reduce((total, { bytes }) => total + bytes, 0)
  return {
    ...named(entry, model, factsOf(model)),
    size: sum(held),
    size_vram: sum(held.filter(({ isGpu }) => isGpu)),
    context_length: placement.contextLength,
    expires_at: NEVER,
  }
}

/** /api/show. @param template the chat template, where the model has one */
export function showOf(entry: ModelEntry, model: ModelDescription, template: string | null): object {
  const { config, contextLength } = model
  const facts = factsOf(model)
  const family = config.modelType
  return {
    modelfile: `FROM ${entry.id}`,
    parameters: '',
    template: template ?? '',
    details: detailsOf(model, facts),
    model_info: {
      'general.architecture': family,
      'general.basename': entry.id,
      'general.parameter_count': facts.parameters,
      [`${family}.context_length`]: contextLength,
      [`${family}.embedding_length`]: config.hiddenSize,
      [`${family}.block_count`]: config.numLayers,
      [`${family}.feed_forward_length`]: config.intermediateSize,
      [`${family}.attention.head_count`]: config.numHeads,
      [`${family}.attention.head_count_kv`]: config.numKvHeads,
      [`${family}.vocab_size`]: config.vocabSize,
    },
    capabilities: ['completion'],
    modified_at: new Date(entry.created * 1000).toISOString(),
  }
}
