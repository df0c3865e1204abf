import { ClusterError } from '../../protocol/errors.ts'
import type { Architecture } from './architecture.ts'
import { llama } from './llama.ts'

const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map([llama].map((architecture) => [architecture.modelType, architecture]))

/** @throws {ClusterError} unsupported_model, naming the supported ones */
export function architectureOf(modelType: string): Architecture {
  const architecture = ARCHITECTURES.get(modelType)
  if (architecture) return architecture
  throw new ClusterError('unsupported_model', `model type ${modelType} is not supported; supported are ${[...ARCHITECTURES.keys()].join(', ')}`)
}
