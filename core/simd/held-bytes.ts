import type { LayerRange } from '../cluster/sizing.ts'
import type { ModelDescription } from '../model/model-description.ts'
import { cacheBytes, weightBytes, type Program } from './program.ts'
import { headProgram, layersProgram, type ProgramOptions } from './shard-program.ts'

/** Placement asks for many ranges of one model; a layer's program never changes. */
const known = new WeakMap<ModelDescription, Map<string, Program>>()

function remembered(model: ModelDescription, key: string, make: () => Program): Program {
  const programs = known.get(model) ?? new Map<string, Program>()
  known.set(model, programs)
  const program = programs.get(key) ?? make()
  programs.set(key, program)
  return program
}

function layerPrograms(model: ModelDescription, { startLayer, endLayer }: LayerRange, options: ProgramOptions): readonly Program[] {
  return Array.from({ length: endLayer - startLayer }, (_, i) => {
    const layer = { startLayer: startLayer + i, endLayer: startLayer + i + 1 }
    const key = `${layer.startLayer} ${options.weightFormat} ${options.contextLength}`
    return remembered(model, key, () => layersProgram(model, layer, options))
  })
}

/** Bytes of one sequence's cache of `tokens` tokens. @throws {ClusterError} unsupported_backend */
export const simdStateBytes = (model: ModelDescription, range: LayerRange, tokens: number, options: ProgramOptions): number =>
  layerPrograms(model, range, options).reduce((sum, program) => sum + cacheBytes(program, tokens), 0)

/** Bytes of weights in a shard's memory: layers, and at the end norm and head. @throws {ClusterError} unsupported_backend */
export function simdWeightBytes(model: ModelDescription, range: LayerRange, options: ProgramOptions): number {
  const layers = layerPrograms(model, range, options).reduce((sum, program) => sum + weightBytes(program), 0)
  if (range.endLayer !== model.config.numLayers) return layers
  const head = remembered(model, `head ${options.weightFormat}`, () => headProgram(model, options).program)
  return layers + weightBytes(head)
}
