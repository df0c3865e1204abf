import { ClusterError } from '../../protocol/errors.ts'
import type { ModelConfig } from '../model/config.ts'
import type { RopeParameters } from '../model/config-rope.ts'
import type { RopeSpec } from './layer-builder.ts'

/** Llama 3.1 keeps short wavelengths, divides long ones by `factor`, and blends between. Source: transformers `modeling_rope_utils.py`. */
function llama3Frequency(frequency: number, rope: Extract<RopeParameters, { type: 'llama3' }>): number {
  const wavelength = (2 * Math.PI) / frequency
  if (wavelength < rope.originalContext / rope.highFreqFactor) return frequency
  if (wavelength > rope.originalContext / rope.lowFreqFactor) return frequency / rope.factor
  const smooth = (rope.originalContext / wavelength - rope.lowFreqFactor) / (rope.highFreqFactor - rope.lowFreqFactor)
  return (1 - smooth) * (frequency / rope.factor) + smooth * frequency
}

/** YaRN divides the frequencies that turn less than `betaSlow` times in the original context, keeps those above `betaFast`, and ramps between. */
function yarnFrequencies(frequencies: readonly number[], dim: number, rope: Extract<RopeParameters, { type: 'yarn' }>): readonly number[] {
  const dimensionOf = (turns: number): number => (dim * Math.log(rope.originalContext / (turns * 2 * Math.PI))) / (2 * Math.log(rope.theta))
  const [fast, slow] = [dimensionOf(rope.betaFast), dimensionOf(rope.betaSlow)]
  const low = Math.max(rope.truncate ? Math.floor(fast) : fast, 0)
  const end = Math.min(rope.truncate ? Math.ceil(slow) : slow, dim - 1)
  const high = end === low ? end + 0.001 : end
  return frequencies.map((frequency, i) => {
    const divided = Math.min(Math.max((i - low) / (high - low), 0), 1)
    return (frequency / rope.factor) * divided + frequency * (1 - divided)
  })
}

function scaled(frequencies: readonly number[], dim: number, rope: RopeParameters, factors: 'shortFactor' | 'longFactor'): readonly number[] {
  switch (rope.type) {
    case 'default':
      return frequencies
    case 'linear':
      return frequencies.map((frequency) => frequency / rope.factor)
    case 'llama3':
      return frequencies.map((frequency) => llama3Frequency(frequency, rope))
    case 'yarn':
      return yarnFrequencies(frequencies, dim, rope)
    case 'longrope': {
      const divisors = rope[factors]
      if (divisors.length !== frequencies.length)
        throw new ClusterError('bad_checkpoint', `${divisors.length} longrope factors where ${frequencies.length} dimensions rotate`)
      return frequencies.map((frequency, i) => frequency / (divisors[i] ?? 1))
    }
  }
}

/** Rotation of `dim` dimensions of a head. Frequencies are rounded to f32, as the reference holds them. */
export function ropeFor(rope: RopeParameters, dim: number, interleaved = false): RopeSpec {
  const plain = Array.from({ length: Math.ceil(dim / 2) }, (_, i) => rope.theta ** ((-2 * i) / dim))
  const held = (factors: 'shortFactor' | 'longFactor'): readonly number[] => scaled(plain, dim, rope, factors).map(Math.fround)
  const magnitude = rope.type === 'yarn' || rope.type === 'longrope' ? rope.magnitude : 1
  const spec = { inverseFrequencies: held('shortFactor'), magnitude, interleaved }
  if (rope.type === 'default' && rope.until !== undefined) return { ...spec, until: rope.until }
  return rope.type === 'longrope' ? { ...spec, long: { above: rope.originalContext, inverseFrequencies: held('longFactor') } } : spec
}

/** Rotation of layer `index`; null where it has none. */
export function ropeOf(config: ModelConfig, index: number): RopeSpec | null {
  const layer = config.layers[index]
  if (!layer?.rotates || config.rotaryDim < 2) return null
  return ropeFor(layer.window !== null && config.localRope ? config.localRope : config.rope, config.rotaryDim)
}

/**
 * Tokens of a sequence behind which all of it rotates by other frequencies: a pass that goes past them begins anew from its first token,
 * as transformers' `generate` does (`modeling_phi3.py`). Null where no sequence is that long.
 */
export const rotationChangesAt = ({ rope, maxPositions }: ModelConfig): number | null =>
  rope.type === 'longrope' && rope.originalContext < maxPositions ? rope.originalContext : null

/** Tables of a rotation, in the order of the graph's pairs. @param inverseFrequencies null: the pair does not turn */
export function ropeTables(
  inverseFrequencies: readonly (number | null)[],
  magnitude: number,
  positions: number,
): { readonly cos: Float32Array; readonly sin: Float32Array } {
  const pairs = inverseFrequencies.length
  const cos = new Float32Array(positions * pairs)
  const sin = new Float32Array(positions * pairs)
  for (let position = 0; position < positions; position++) {
    for (const [i, frequency] of inverseFrequencies.entries()) {
      // The reference multiplies in f32: the angle of a far position is rounded before cos and sin are taken.
      const angle = Math.fround(position * (frequency ?? 0))
      cos[position * pairs + i] = frequency === null ? 1 : Math.cos(angle) * magnitude
      sin[position * pairs + i] = frequency === null ? 0 : Math.sin(angle) * magnitude
    }
  }
  return { cos, sin }
}
