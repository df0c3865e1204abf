/** Llama 1 to 3 and what shares its layer (SmolLM, TinyLlama, Ember). Source: transformers `modeling_llama.py`. */
import type { Architecture } from './architecture.ts'
import { ENDS, preNormLayer } from './decoder.ts'

export const llama: Architecture = { modelType: 'llama', ...ENDS, layer: preNormLayer }
