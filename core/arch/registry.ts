import { ClusterError } from '../../protocol/errors.ts'
import type { Architecture } from './architecture.ts'
import { deepseekV3 } from './deepseek-v3.ts'
import { gemma2, gemma3 } from './gemma.ts'
import { gptOss } from './gpt-oss.ts'
import { granite } from './granite.ts'
import { lfm2 } from './lfm2.ts'
import { llama } from './llama.ts'
import { mistral } from './mistral.ts'
import { mixtral } from './mixtral.ts'
import { olmo2 } from './olmo2.ts'
import { phi3 } from './phi3.ts'
import { qwen2 } from './qwen2.ts'
import { qwen3 } from './qwen3.ts'
import { qwen3Moe } from './qwen3-moe.ts'
import { smollm3 } from './smollm3.ts'
import { stablelm } from './stablelm.ts'
import { starcoder2 } from './starcoder2.ts'

const SUPPORTED = [llama, mistral, qwen2, qwen3, qwen3Moe, gemma2, gemma3, phi3, smollm3, olmo2, granite, stablelm, starcoder2, mixtral, gptOss]
const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map(
  [...SUPPORTED, lfm2, deepseekV3].map((architecture) => [architecture.modelType, architecture]),
)

/** @throws {ClusterError} unsupported_model, naming the supported ones */
export function architectureOf(modelType: string): Architecture {
  const architecture = ARCHITECTURES.get(modelType)
  if (architecture) return architecture
  throw new ClusterError('unsupported_model', `model type ${modelType} is not supported; supported are ${[...ARCHITECTURES.keys()].join(', ')}`)
}
