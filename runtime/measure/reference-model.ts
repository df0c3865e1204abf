/** What is measured where nobody wishes for a model yet: layers of 3.5 million weights, of the shape of SmolLM2-135M's. */
import { weightRefs } from '../../core/arch/weight-refs.ts'
import { parseConfig } from '../../core/model/config.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'

const CONFIG = {
  model_type: 'llama',
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  vocab_size: 49_152,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 100_000,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  bos_token_id: 1,
  eos_token_id: 2,
}

/** Its tensors lie nowhere: only their shapes and types are told. */
export function referenceModel(): ModelDescription {
  const config = parseConfig(JSON.stringify(CONFIG))
  const refs = weightRefs(config, { startLayer: 0, endLayer: config.numLayers })
  const tensors = new Map(refs.map(({ tensor, shape }) => [tensor, { file: '', start: 0, end: 0, shape, type: 'bf16' }] as const))
  return { config, tensors, eosIds: config.eosIds, contextLength: config.maxPositions }
}
