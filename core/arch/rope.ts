import type { ModelConfig, RopeParameters } from '../model/config.ts'
import type { RopeSpec } from './layer-builder.ts'

/** Llama 3.1 keeps short wavelengths, divides long ones by `factor`, and blends between. Source: transformers `modeling_rope_utils.py`. */
function llama3Frequency(frequency: number, rope: Extract<RopeParameters, { type: 'llama3' }>): number {
  const wavelength = (2 * Math.PI) / frequency
  if (wavelength < rope.originalContext / rope.highFreqFactor) return frequency
  if (wavelength > rope.originalContext / rope.lowFreqFactor) return frequency / rope.factor
  const smooth = (rope.originalContext / wavelength - rope.lowFreqFactor) / (rope.highFreqFactor - rope.lowFreqFactor)
  return (1 - smooth) * (frequency / rope.factor) + smooth * frequency
}

function rescale(frequency: number, rope: RopeParameters): number {
  switch (rope.type) {
    case 'default':
      return frequency
    case 'linear':
      return frequency / rope.factor
    case 'llama3':
      return llama3Frequency(frequency, rope)
  }
}

/** Rotation of a config. Frequencies are rounded to f32, as the reference holds them. */
export function ropeOf(config: ModelConfig): RopeSpec {
  const pairs = config.rotaryDim / 2
  const frequencies = Array.from({ length: pairs }, (_, i) => Math.fround(config.rope.theta ** ((-2 * i) / config.rotaryDim)))
  return { inverseFrequencies: frequencies.map((frequency) => Math.fround(rescale(frequency, config.rope))), magnitude: 1, interleaved: false }
}

/** cos and sin of every position, each row-major [positions, pairs]. */
export function ropeTables(rope: RopeSpec, positions: number): { readonly cos: Float32Array; readonly sin: Float32Array } {
  const pairs = rope.inverseFrequencies.length
  const cos = new Float32Array(positions * pairs)
  const sin = new Float32Array(positions * pairs)
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < pairs; i++) {
      // The reference multiplies in f32: the angle of a far position is rounded before cos and sin are taken.
      const angle = Math.fround(position * (rope.inverseFrequencies[i] ?? 0))
      cos[position * pairs + i] = Math.cos(angle) * rope.magnitude
      sin[position * pairs + i] = Math.sin(angle) * rope.magnitude
    }
  }
  return { cos, sin }
}
