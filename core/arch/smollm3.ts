/** SmolLM 3: Llama's layer; some layers do not rotate, which comes with the layer's kind. Source: transformers `modeling_smollm3.py`. */
import type { Architecture } from './architecture.ts'
import { ENDS, preNormLayer } from './decoder.ts'

export const smollm3: Architecture = { modelType: 'smollm3', ...ENDS, layer: preNormLayer }
